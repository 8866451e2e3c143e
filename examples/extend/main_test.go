package main

import (
	"context"
	"os"
	"path/filepath"
)

// The hotel has one desk, so that the second reservation is refused, and no mail is sent for it. The
// route policy is the hotel's.
func Example_run() {
	folder, err := os.MkdirTemp("", "extend")
	if err != nil {
		panic(err)
	}
	defer os.RemoveAll(folder) //nolint:errcheck // it is in the folder for temporary files
	if err := run(context.Background(), filepath.Join(folder, "hotel.db"), os.Stdout); err != nil {
		panic(err)
	}
	// Output:
	// accept by a user
	// 200 "status":"accepted"
	// accept by a user
	// 409 "code":"hotel_full" "status":409
	// mail to rosa@example.org: your activity is accepted
	// desks by a user
	// 200 "count":1
	// 200 "rule":"no shoes at the desks"
}
