package ports

// AuditRows is an audit of rows that no store would keep.
var AuditRows = auditRows
