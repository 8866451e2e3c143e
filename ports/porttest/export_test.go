package porttest

// Suites returns the names of the suites in their order, and the names of the tests of each.
func Suites() (names []string, tests map[string][]string) {
	tests = map[string][]string{}
	for _, s := range suites {
		names = append(names, s.name)
		for _, c := range s.tests {
			tests[s.name] = append(tests[s.name], c.name)
		}
	}
	return names, tests
}
