package copier

// Bound sets the size of the pages and units of a Copier.
func (c *Copier) Bound(rows, images, bytes int) {
	c.size = unitSize{rows: rows, images: images, bytes: bytes}
}
