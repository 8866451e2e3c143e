package audit

import (
	"context"

	"github.com/cicerone-go/cicerone/core/id"
	"github.com/cicerone-go/cicerone/core/matching"
	"github.com/cicerone-go/cicerone/core/text"
	"github.com/cicerone-go/cicerone/core/users"
)

func (a *audit) checkUsers(ctx context.Context) error {
	addresses := map[string]id.User{}
	return a.each(ctx, "users", func(r record) {
		user := id.User(r.id("id"))
		a.erased[user] = r.bool("erased")
		if email := text.FoldAddress(r.text("email")).String(); email != "" && !r.bool("twin") {
			if other, taken := addresses[email]; taken {
				a.broken("user_email", user, "has the address of %s", other)
			}
			addresses[email] = user
		}
		if r.text("email") == "" && !r.time("email_verified_at").IsZero() {
			a.broken("user_email", user, "has a verified address, and no address")
		}
		if !users.Role(r.text("role")).Valid() {
			a.broken("user_role", user, "the role is %q", r.text("role"))
		}
		if r.bool("erased") {
			a.checkErased(r)
		}
		if r.bool("second_factor") {
			a.factors[user] = true
		}
		if !r.time("suspended_until").IsZero() && (r.bool("is_active") || r.bool("erased")) {
			a.broken("user_suspended", user, "is suspended until %v, and active or erased", r.time("suspended_until"))
		}
	})
}

func (a *audit) checkErased(r record) {
	if r.bool("is_active") {
		a.broken("user_erased", r.id("id"), "is active")
	}
	if r.text("name") != users.DeletedName {
		a.broken("user_erased", r.id("id"), "still has a name")
	}
	if r.bool("second_factor") {
		a.broken("user_erased", r.id("id"), "still has a second factor")
	}
	for _, column := range []string{"email", "password", "bio", "location", "locale"} {
		if r.text(column) != "" {
			a.broken("user_erased", r.id("id"), "still has: %s", column)
		}
	}
}

// gone adds a violation if a row of a table that an erasure clears belongs to an erased user.
func (a *audit) gone(r record) {
	if user := r.id("user_id"); a.erased[user] {
		a.broken("user_erased", user, "still has a row of %s", r.table)
	}
}

// checkSecondFactors looks for the secrets of active second factors.
func (a *audit) checkSecondFactors(ctx context.Context) error {
	err := a.each(ctx, "second_factors", func(r record) {
		user := id.User(r.id("user_id"))
		a.refers(r, user, "user_id")
		a.gone(r)
		delete(a.factors, user)
	})
	for user := range a.factors {
		a.broken("second_factor", user, "has an active second factor without a secret")
	}
	return err
}

func (a *audit) checkSessions(ctx context.Context) error {
	sessions := map[id.Session]bool{}
	err := a.each(ctx, "sessions", func(r record) {
		sessions[r.id("id")] = true
		a.refers(r, r.id("id"), "user_id")
		a.gone(r)
	})
	if err != nil {
		return err
	}
	return a.each(ctx, "refresh_tokens", func(r record) {
		if session := r.id("session_id"); !sessions[session] {
			a.broken("reference", session, "a refresh token belongs to this session, which does not exist")
		}
	})
}

func (a *audit) checkResets(ctx context.Context) error {
	return a.each(ctx, "password_resets", func(r record) {
		a.refers(r, r.id("user_id"), "user_id")
		a.gone(r)
	})
}

// checkKeys looks for the keys with which the addresses of grants, and the names of tries, are hashed.
func (a *audit) checkKeys(ctx context.Context) error {
	keys := map[string]bool{}
	if err := a.each(ctx, "store_keys", func(r record) { keys[r.text("name")] = true }); err != nil {
		return err
	}
	for _, of := range []struct{ table, key, rule, what string }{
		{"signup_grants", users.GrantKey, "grant_key", "bonuses are remembered"},
		{"tries", users.TryKey, "try_key", "tries are counted"},
	} {
		rows := 0
		if err := a.each(ctx, of.table, func(record) { rows++ }); err != nil {
			return err
		}
		if rows > 0 && !keys[of.key] {
			a.broken(of.rule, [16]byte{}, "%s with a key that is missing: %d", of.what, rows)
		}
	}
	return nil
}

func (a *audit) checkInterests(ctx context.Context) error {
	names := map[string]id.Interest{}
	return a.each(ctx, "interests", func(r record) {
		interest, name := id.Interest(r.id("id")), text.Fold(r.text("name")).String()
		if r.bool("twin") {
			return
		}
		if other, taken := names[name]; taken {
			a.broken("interest_name", interest, "has the name of %s", other)
		}
		names[name] = interest
	})
}

func (a *audit) checkProfiles(ctx context.Context) error {
	profiles, owners := map[id.Profile]bool{}, map[id.User]id.Profile{}
	err := a.each(ctx, "profiles", func(r record) {
		profile, user := id.Profile(r.id("id")), id.User(r.id("user_id"))
		profiles[profile] = true
		a.refers(r, profile, "user_id")
		a.gone(r)
		if other, taken := owners[user]; taken {
			a.broken("profile_user", profile, "its user also has the profile %s", other)
		}
		owners[user] = profile
		if age := r.int("age"); age != 0 && (age < matching.MinAge || age > matching.MaxAge) {
			a.broken("profile_age", profile, "the age is %d", age)
		}
	})
	if err != nil {
		return err
	}
	return a.checkLinks(ctx, profiles)
}

func (a *audit) checkLinks(ctx context.Context, profiles map[id.Profile]bool) error {
	interests := map[id.Interest]bool{}
	err := a.each(ctx, "interests", func(r record) { interests[r.id("id")] = true })
	if err != nil {
		return err
	}
	return a.each(ctx, "profile_interests", func(r record) {
		profile, interest := id.Profile(r.id("profile_id")), id.Interest(r.id("interest_id"))
		if !profiles[profile] {
			a.broken("reference", profile, "the interest %s is linked to this profile, which does not exist", interest)
		}
		if !interests[interest] {
			a.broken("reference", profile, "it is linked to the interest %s, which does not exist", interest)
		}
	})
}
