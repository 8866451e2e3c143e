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

func ExampleSearchFold() {
	fmt.Println(text.SearchFold("Sao Paulo") == text.SearchFold("São  Paulo "))
	fmt.Println(text.SearchFold("istanbul") == text.SearchFold("İSTANBUL"))
	// Output:
	// true
	// true
}

func ExampleFoldAddress() {
	fmt.Println(text.FoldAddress("Zoe@Bücher.example"))
	fmt.Println(text.FoldAddress(" zoe@xn--bcher-kva.example"))
	// Output:
	// zoe@xn--bcher-kva.example
	// zoe@xn--bcher-kva.example
}

func ExampleLine() {
	var f fault.Fields
	fmt.Printf("%q\n", text.Line(&f, "name", " Ada  Lovelace\n", text.Required, 100))
	text.Line(&f, "first_name", "\u3164", text.Required, 100)
	text.Line(&f, "city", "London", text.Optional, 5)
	fmt.Println(f.Err())
	// Output:
	// "Ada Lovelace"
	// first_name must not be blank; city must have at most 5 characters, this has 6
}
