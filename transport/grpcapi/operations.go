package grpcapi

// LeftOut returns the fields of the request of an operation that the message of its method does not
// have. Those of send come in the pieces of SendAttachment.
func LeftOut(operation string) []string { return leftOut[operation] }
