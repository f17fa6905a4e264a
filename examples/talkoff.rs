use ringpost::media::dtmf::Detector;
fn main() {
    let (mut seconds, mut keys) = (0.0, 0);
    for path in std::env::args().skip(1) {
        let bytes = std::fs::read(&path).unwrap();
        let samples: Vec<i16> = bytes.chunks_exact(2).map(|b| i16::from_le_bytes([b[0], b[1]])).collect();
        let mut detector = Detector::new();
        for (n, frame) in samples.chunks(160).enumerate() {
            if let Some(key) = detector.push(frame) {
                keys += 1;
                println!("{path} {key} at {:.2}", n as f32 * 0.02);
            }
        }
        seconds += samples.len() as f32 / 8000.0;
    }
    println!("{keys} keys in {:.1} minutes", seconds / 60.0);
}
