package sqlite

import (
	"bytes"
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"iter"

	"github.com/cicerone-go/cicerone/core/audit"
	"github.com/cicerone-go/cicerone/core/id"
	"github.com/cicerone-go/cicerone/ports"
)

// profiles.interest_numbers has the numbers of the interests that are linked to the profile,
// inactive ones included: in ascending order, each as its distance to the one before (the first as
// its distance to 0), as a varint. So there may be any number of interests, and a profile with eight
// of a few hundred takes some ten bytes.

// appendNumber appends a number to those of a profile, of which last is the one before.
func appendNumber(numbers []byte, number, last int64) []byte {
	return binary.AppendUvarint(numbers, uint64(number-last)) // #nosec G115 -- they ascend
}

var errNumbers = errors.New("the numbers of the interests of a profile cannot be read")

// numberSet is a set of numbers of interests, as a string of bits.
type numberSet []uint64

func (s *numberSet) add(number int64) {
	word := int(number / 64)
	for len(*s) <= word {
		*s = append(*s, 0)
	}
	(*s)[word] |= 1 << (number % 64)
}

func (s numberSet) has(number uint64) bool {
	return number/64 < uint64(len(s)) && s[number/64]>>(number%64)&1 == 1
}

// shared returns how many of the numbers of a profile are in the set.
func (s numberSet) shared(numbers []byte) (n int, err error) {
	for number := uint64(0); len(numbers) > 0; {
		distance, size := binary.Uvarint(numbers)
		if size <= 0 {
			return 0, errNumbers
		}
		numbers = numbers[size:]
		if number += distance; s.has(number) {
			n++
		}
	}
	return n, nil
}

// setOf returns the set of the numbers of a profile.
func setOf(numbers []byte) (s numberSet, err error) {
	for number := uint64(0); len(numbers) > 0; {
		distance, size := binary.Uvarint(numbers)
		if number += distance; size <= 0 || number > 1<<31 { // more than there can be interests
			return nil, errNumbers
		}
		numbers = numbers[size:]
		s.add(int64(number)) // #nosec G115 -- it is small
	}
	return s, nil
}

// linkedNumbers lists the numbers of the interests of the profiles from ?1 to ?2.
const linkedNumbers = `SELECT profile_id, number FROM profile_interests JOIN interests ON interests.id = interest_id
	WHERE profile_id BETWEEN ?1 AND ?2 ORDER BY profile_id, number`

// numbersBetween returns the numbers of the profiles between two ids that have any, from the rows of
// their interests.
func numbersBetween(ctx context.Context, c *conn, first, last [16]byte) (map[[16]byte][]byte, error) {
	all, before := map[[16]byte][]byte{}, map[[16]byte]int64{}
	err := c.query(ctx, func(r *row) {
		profile, number := r.id(), r.int()
		all[profile] = appendNumber(all[profile], number, before[profile])
		before[profile] = number
	}, linkedNumbers, first[:], last[:])
	return all, err
}

// setNumbers makes the numbers of a profile again. Whatever changes the links of a profile calls it.
func (c *conn) setNumbers(ctx context.Context, profile [16]byte) error {
	numbers, err := numbersBetween(ctx, c, profile, profile)
	if err != nil {
		return err
	}
	_, err = c.exec(ctx, "UPDATE profiles SET interest_numbers = ?2 WHERE id = ?1 AND interest_numbers <> ?2",
		profile[:], notNil(numbers[profile]))
	return err
}

// numberedProfile is the id of a profile, with the numbers that it has.
type numberedProfile struct {
	id      [16]byte
	numbers []byte
}

// numberedAfter returns the first profiles after an id, up to batchToFill.
func numberedAfter(ctx context.Context, c *conn, last []byte) ([]numberedProfile, error) {
	return list(ctx, c, func(r *row, v *numberedProfile) { v.id, v.numbers = r.id(), r.bytes() },
		"SELECT id, interest_numbers FROM profiles WHERE id > ? ORDER BY id LIMIT +?", last, int64(batchToFill))
}

// hasNumbers reports whether every profile has the numbers of its interests.
func hasNumbers(ctx context.Context, c *conn) (bool, error) {
	done, err := find(ctx, c, value((*row).bool), "SELECT done FROM profile_numbers")
	if err != nil {
		return false, fmt.Errorf("read whether profiles have the numbers of their interests: %w", err)
	}
	return done, nil
}

// fillNumbers adds the numbers to profiles from before they had them. It may be interrupted and run
// again.
func fillNumbers(ctx context.Context, c *conn) error {
	if done, err := hasNumbers(ctx, c); err != nil || done {
		return err
	}
	for last := []byte{}; ; {
		batch, err := numberedAfter(ctx, c, last)
		if err != nil {
			return err
		}
		if len(batch) == 0 {
			break
		}
		err = c.together(ctx, func() error {
			for _, one := range batch {
				if err := c.setNumbers(ctx, one.id); err != nil {
					return err
				}
			}
			return nil
		})
		if err != nil {
			return err
		}
		last = batch[len(batch)-1].id[:]
	}
	_, err := c.exec(ctx, "UPDATE profile_numbers SET done = 1")
	return err
}

// Disagreeing implements audit.Derived.
func (r rows) Disagreeing(ctx context.Context) iter.Seq2[audit.Disagreement, error] {
	return func(yield func(audit.Disagreement, error) bool) {
		for last := []byte{}; ; {
			var page []numberedProfile
			var linked map[[16]byte][]byte
			err := r.together(ctx, func(c *conn) (err error) {
				if page, err = numberedAfter(ctx, c, last); err != nil || len(page) == 0 {
					return err
				}
				linked, err = numbersBetween(ctx, c, page[0].id, page[len(page)-1].id)
				return err
			})
			if err != nil {
				yield(audit.Disagreement{}, err)
				return
			}
			for _, one := range page {
				if !bytes.Equal(one.numbers, linked[one.id]) &&
					!yield(audit.Disagreement{Table: ports.Profiles.Name, Column: "interest_numbers", ID: one.id}, nil) {
					return
				}
			}
			if len(page) < batchToFill {
				return
			}
			last = page[len(page)-1].id[:]
		}
	}
}

// ownNumbers lists the active interests of the viewer ?1 with their numbers.
var ownNumbers = "SELECT " + interests.columns + `, number
	FROM profiles
	JOIN profile_interests ON profile_interests.profile_id = profiles.id
	JOIN interests ON interests.id = profile_interests.interest_id AND interests.is_active = 1
	WHERE profiles.user_id = ?1
	ORDER BY name_folded, interests.id`

// wantedNumbers lists the numbers of those of the interests ?1 that are active.
const wantedNumbers = "SELECT number FROM interests WHERE is_active = 1 AND id IN (SELECT unhex(value) FROM json_each(?1))"

// setOfInterests returns the numbers of those interests that are active.
func setOfInterests(ctx context.Context, c *conn, ids []id.Interest) (s numberSet, err error) {
	err = c.query(ctx, func(r *row) { s.add(r.int()) }, wantedNumbers, hexes(ids))
	return s, err
}
