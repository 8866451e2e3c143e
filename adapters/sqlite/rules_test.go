package sqlite_test

import (
	"fmt"
	"strings"
	"testing"

	"github.com/cicerone-go/cicerone/adapters/sqlite"
	"github.com/cicerone-go/cicerone/ports"
)

// The file's rules hold for any program that writes it, not only for this package.
func TestConstraints(t *testing.T) {
	const (
		ada, ben, talk = "01", "02", "03"
		user           = "INSERT INTO users VALUES (%s, 'Ada', 'ada', %s, %s, '', NULL, NULL, NULL, 'user', 1, 0, 0, 1, 0, 0, NULL, NULL, 0, NULL, NULL)"
		wallet         = "INSERT INTO wallets VALUES (%s, %s, %d, 0, 0)"
		line           = "INSERT INTO token_transactions VALUES (%s, %d, %s, %d, '%s', '', '{}', %d, %d, 0)"
		seal           = "INSERT INTO ledger_seals VALUES (%s, %d, randomblob(32))"
		reservation    = "INSERT INTO reservations VALUES (%s, %s, %s, %s, %s, 'walk', %d, 0, %d, %d, '%s', 0, 0)"
	)
	for _, rule := range []struct{ name, refused string }{
		{"the ledger is not changed", "UPDATE token_transactions SET amount = 5, balance_after = 5"},
		{"the ledger is not cut", "DELETE FROM token_transactions"},
		{"a seal is not changed", "UPDATE ledger_seals SET hash = zeroblob(32)"},
		{"a seal is not removed", "DELETE FROM ledger_seals"},
		{"a transaction is sealed once", fmt.Sprintf(seal, x(ada), 1)},
		{"a seal has a transaction", fmt.Sprintf(seal, x(ada), 2)},
		{"a seal has a hash", fmt.Sprintf("INSERT INTO ledger_seals VALUES (%s, 1, x'00')", x(ada))},
		{"the audit trail is not changed", "UPDATE audit_records SET reason = 'none'"},
		{"the audit trail is not cut", "DELETE FROM audit_records"},
		{"a balance is not below zero", "UPDATE wallets SET balance = -1"},
		{"amount is after less before", fmt.Sprintf(line, x(ada), 2, x("31"), 5, "BONUS", 0, 6)},
		{"a credit is no debit", fmt.Sprintf(line, x(ada), 2, x("31"), -5, "BONUS", 10, 5)},
		{"a debit is no credit", fmt.Sprintf(line, x(ada), 2, x("31"), 5, "PENALTY", 10, 15)},
		{"nothing is no transaction", fmt.Sprintf(line, x(ada), 2, x("31"), 0, "ADMIN_ADJUSTMENT", 10, 10)},
		{"a type exists", fmt.Sprintf(line, x(ada), 2, x("31"), 5, "NO_TYPE", 10, 15)},
		{"a seq is given out once", fmt.Sprintf(line, x(ada), 1, x("31"), 5, "BONUS", 10, 15)},
		{"a transaction has a wallet", fmt.Sprintf(line, x("77"), 1, x("31"), 5, "BONUS", 0, 5)},
		{"one wallet a person", fmt.Sprintf(wallet, x("32"), x(ada), 0)},
		{"one address", fmt.Sprintf(user, x("33"), "'ADA@example.org'", "'ada@example.org'")},
		{"a role exists", "UPDATE users SET role = 'king'"},
		{"a status exists", "UPDATE reservations SET status = 'lost'"},
		{"accepted ones do not overlap when added", fmt.Sprintf(reservation, x("34"), x(talk), x(ada), x(ben), x(ada), 0, 150, 250, "accepted")},
		{"accepted ones do not overlap when changed", "UPDATE reservations SET status = 'accepted' WHERE status = 'pending'"},
		{"a reservation ends after it begins", fmt.Sprintf(reservation, x("34"), x(talk), x(ada), x(ben), x(ada), 0, 900, 900, "pending")},
		{"a price has eight digits", fmt.Sprintf(reservation, x("34"), x(talk), x(ada), x(ben), x(ada), 10_000_000_000, 900, 901, "pending")},
		{"participants are the conversation's", fmt.Sprintf(reservation, x("34"), x(talk), x(ben), x(ada), x(ada), 0, 900, 901, "pending")},
		{"a participant proposes", fmt.Sprintf(reservation, x("34"), x(talk), x(ada), x(ben), x("77"), 0, 900, 901, "pending")},
		{"the participants of a conversation differ", fmt.Sprintf("INSERT INTO conversations (id, voyager_id, local_id, created_at) VALUES (%s, %s, %s, 0)", x("35"), x(ada), x(ada))},
		{"an age is 18 to 120", fmt.Sprintf("INSERT INTO profiles (id, user_id, age, country_searched, city_searched, is_searchable) VALUES (%s, %s, 17, '', '', 0)", x("36"), x(ada))},
		{"a message has a sender", fmt.Sprintf("INSERT INTO messages VALUES (%s, %s, %s, 'hi', NULL, 0, 0)", x("37"), x(talk), x("77"))},
		{"a number is no text", "UPDATE users SET name = x'00'"},
	} {
		t.Run(rule.name, func(t *testing.T) {
			path := empty(t)
			db := rawDB(t, path+"?_pragma=foreign_keys(1)")
			for _, good := range []string{
				fmt.Sprintf(user, x(ada), "'ada@example.org'", "'ada@example.org'"), fmt.Sprintf(user, x(ben), "NULL", "NULL"),
				fmt.Sprintf(wallet, x("11"), x(ada), 10), fmt.Sprintf(line, x(ada), 1, x("21"), 10, "BONUS", 0, 10),
				fmt.Sprintf(seal, x(ada), 1),
				fmt.Sprintf("INSERT INTO conversations (id, voyager_id, local_id, created_at) VALUES (%s, %s, %s, 0)", x(talk), x(ada), x(ben)),
				fmt.Sprintf(reservation, x("22"), x(talk), x(ada), x(ben), x(ada), 1250, 100, 200, "accepted"),
				fmt.Sprintf(reservation, x("23"), x(talk), x(ada), x(ben), x(ada), 1250, 200, 300, "accepted"),
				fmt.Sprintf(reservation, x("24"), x(talk), x(ada), x(ben), x(ada), 1250, 150, 160, "pending"),
				fmt.Sprintf("INSERT INTO audit_records VALUES (%s, NULL, 'user.changed', %s, 'asked', '{}', 0)", x("25"), x(ada)),
			} {
				if _, err := db.Exec(good); err != nil {
					t.Fatalf("%s: %v", good, err)
				}
			}
			if _, err := db.Exec(rule.refused); err == nil {
				t.Errorf("got no error for %s", rule.refused)
			} else if strings.Contains(err.Error(), "syntax") || strings.Contains(err.Error(), "values") {
				t.Errorf("the test's statement is invalid: %v", err)
			}
		})
	}
}

// x returns an identifier as a literal, made of two hexadecimal digits.
func x(digits string) string { return "x'" + strings.Repeat(digits, 16) + "'" }

// Tables and columns have the same names in every store (core/README.md#the-model).
func TestTableNames(t *testing.T) {
	path := empty(t)
	closeStore(t, open(t, path, sqlite.Options{}))
	db := rawDB(t, path)
	for _, table := range ports.Tables {
		for _, c := range table.Columns {
			var there bool
			must(t, db.QueryRow("SELECT EXISTS (SELECT 1 FROM pragma_table_info(?) WHERE name = ?)", table.Name, c.Name).Scan(&there))
			if !there {
				t.Errorf("there is no column %s.%s", table.Name, c.Name)
			}
		}
	}
}
