//! (being written)

/// A server transaction, named by the endpoint.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub struct ServerTransaction(pub u64);

/// A client transaction, named by whoever sends its request.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub struct ClientTransaction(pub u64);

/// A dialog's owner, numbered by the owner of the endpoint.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub struct DialogKey(pub u64);
