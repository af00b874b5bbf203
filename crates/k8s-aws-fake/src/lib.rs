//! A fake AWS for tests and demos: STS that checks signatures, behind TLS and a CONNECT proxy, on loopback.
