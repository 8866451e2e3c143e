// Package privacy is about all that is kept of one person: it erases it, and it hands it out. It is
// the one domain that touches every other.
package privacy
