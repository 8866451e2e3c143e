// Package matching helps people find each other: profiles, the interests that they pick, and the
// search that ranks others by how many interests they share with whoever looks.
package matching
