"""The five storeys of jobwire; they install as `jobwire.schemas`, `jobwire.keys`, ... through the links in src/jobwire."""
