package audit

// Check is an audit of rows that no store would keep.
var Check = check
