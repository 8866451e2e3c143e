package copier

// Bound makes a Copier read and write less at once than it usually does.
func (c *Copier) Bound(rows, images, bytes int) {
	c.size = unitSize{rows: rows, images: images, bytes: bytes}
}
