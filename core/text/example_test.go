package text_test

import (
	"fmt"

	"github.com/cicerone-go/cicerone/core/fault"
	"github.com/cicerone-go/cicerone/core/text"
)

func ExampleFold() {
	fmt.Println(text.Fold("STRASSE") == text.Fold("Straße"))
	fmt.Println(text.Fold("résumé") == text.Fold("RE\u0301SUME\u0301"))
	fmt.Println(text.Fold("résumé") == text.Fold("resume"))
	// Output:
	// true
	// true
	// false
}

func ExampleCheckLine() {
	var f fault.Fields
	text.CheckLine(&f, "name", "Ada\nLovelace", 1, 100)
	text.CheckLine(&f, "city", "London", 1, 5)
	fmt.Println(f.Err())
	// Output: name must not contain control characters or line breaks; city must have at most 5 characters, this has 6
}
