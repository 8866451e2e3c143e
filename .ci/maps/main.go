// Command maps checks .github/ASVS.md, which maps the requirements of OWASP ASVS and the risks of
// the OWASP API Security Top 10 to the tests that prove them: every requirement has one row, a row
// has what its state needs, and the tests and pages that a row names exist. It prints the number of
// rows of each state.
package main

import (
	"fmt"
	"os"
)

const page = ".github/ASVS.md"

func main() {
	module := os.DirFS(".")
	text, err := os.ReadFile(page)
	if err != nil {
		fail(err)
	}
	requirements, risks := read(string(text))
	wrong := append(checkIDs(requirements, risks), checkRows(module, requirements)...)
	wrong = append(wrong, checkRows(module, risks)...)
	for _, w := range wrong {
		fmt.Fprintln(os.Stderr, w)
	}
	if len(wrong) > 0 {
		fail(fmt.Errorf("%d mistakes in %s", len(wrong), page))
	}
	fmt.Printf("maps: %d requirements of ASVS: %s\n", len(requirements), count(requirements))
	fmt.Printf("maps: %d risks of APIs: %s\n", len(risks), count(risks))
}

func fail(err error) {
	fmt.Fprintln(os.Stderr, "maps:", err)
	os.Exit(1)
}
