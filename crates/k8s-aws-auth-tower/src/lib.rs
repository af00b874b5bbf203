//! The webhook as a tower service, over any STS transport.
