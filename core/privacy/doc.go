// Package privacy exports and erases the personal data of a user. It is the only domain that uses
// all the others.
package privacy
