package porttest_test

import (
	"context"
	"errors"
	"sync/atomic"

	"github.com/cicerone-go/cicerone/adapters/memory"
	"github.com/cicerone-go/cicerone/core/id"
	"github.com/cicerone-go/cicerone/core/uow"
	"github.com/cicerone-go/cicerone/core/users"
	"github.com/cicerone-go/cicerone/ports"
)

// defects lists adapters that break one promise each: first promises of the unit of work, then of
// the repositories.
var defects = []defect{
	{name: "commits failed units", plant: running(commitsFailures),
		fails: []string{"units/a unit that fails or panics keeps no account", "calls/a failed unit leaves no row",
			"refusals/refused requests of accounts change nothing"}},
	{name: "commits units that panic", plant: running(commitsPanics),
		fails: []string{"calls/a panic rolls back and reaches the caller"}},
	{name: "keeps its lock after a panic", plant: newStuck,
		fails: []string{"units/a unit that fails or panics keeps no account"},
		says:  "a unit after one that failed and one that panicked returned"},
	{name: "continues after an error", plant: handing(func(_ *memory.Store, b *broken) {
		b.tokens = continues{b.Tx.Tokens()}
	}),
		fails: []string{"calls/an error of a repository ends the unit"}},
	{name: "writes in units that only read", plant: running(writesAlways),
		fails: []string{"units/a unit that only reads adds no account",
			"calls/a unit that only reads refuses every write"}},
	{name: "reads after the end of the unit", plant: handing(func(s *memory.Store, b *broken) {
		b.users = immortal{b.Tx.Users(), s}
	}),
		fails: []string{"units/an account is not read after the end of a unit",
			"calls/a repository is refused after the end of its unit"}},
	{name: "shows uncommitted writes", plant: newDirty,
		fails: []string{"isolation/uncommitted writes are invisible", "isolation/rolled back writes are invisible"}},
	{name: "takes a new snapshot for each read", plant: running(freshSnapshots),
		fails: []string{"isolation/a snapshot shows one moment"}},
	{name: "overwrites concurrent commits", plant: newLastWins,
		fails: []string{"isolation/load, change and save lose no update",
			"isolation/two admins cannot demote each other", "guards/two units never hold the same thing",
			"tokens/concurrent charges leave the exact balance", "tries/of concurrent units, each counts one more try",
			"guessing/of concurrent wrong passwords, ten are compared"}},
	{name: "ignores cancellation", plant: running(neverCancelled),
		fails: []string{"cancellation/a unit that is cancelled at any call keeps nothing",
			"cancellation/a unit that is cancelled while it waits for another ends"}},
	{name: "sees a conversation as it was before", plant: newBehind,
		fails: []string{"told/a block is seen by the next message, with a key or without"},
		says:  "a message after a block"},
	{name: "works after Close", plant: func(s *memory.Store) ports.Storage { return neverClosed{s} },
		fails: []string{"closing/a closed store refuses units"}},
	{name: "lets two units claim one key", plant: lateRun(func(l *late, b *broken) {
		b.idempotency = claimsNothing{l}
	}),
		fails: []string{"idempotency/a second unit with a key sees the record of the first",
			"idempotency/concurrent commands with one key are done once"}},
	{name: "does not hold an account", plant: lateRun(func(l *late, b *broken) {
		b.Tx = &unheldTx{lateTx: lateTx{l}}
	}),
		fails: []string{"privacy/erasing while opening a conversation"},
		says:  "an erased person has records of idempotency keys"},
	{name: "debits without enough tokens", plant: handing(func(_ *memory.Store, b *broken) {
		b.tokens = generous{b.Tx.Tokens()}
	}),
		fails: []string{"tokens/a balance never falls below zero", "tokens/the last tokens are spent once"}},
	{name: "lacks a type of transaction", plant: handing(func(_ *memory.Store, b *broken) {
		b.tokens = undeposited{b.Tx.Tokens()}
	}),
		fails: []string{"tokens/entries of each type are posted"}, says: "posting 1 of type DEPOSIT returned"},
	{name: "writes half of the entries", plant: handing(func(_ *memory.Store, b *broken) {
		b.tokens = oneByOne{b.Tx.Tokens()}
	}),
		fails: []string{"calls/not found does not end the unit"}},
	{name: "repeats a line on the next page", plant: handing(func(_ *memory.Store, b *broken) {
		b.tokens = repeats{b.Tx.Tokens()}
	}),
		fails: []string{"tokens/pages of a ledger hold each line once"}},
	{name: "forks chains", plant: handing(func(_ *memory.Store, b *broken) { b.tokens = forks{b.Tx.Tokens()} }),
		fails: []string{"chain/a transaction is sealed once"}},
	{name: "drops a seal", plant: handing(func(_ *memory.Store, b *broken) { b.tokens = dropsSeals{b.Tx.Tokens()} }),
		fails: []string{"chain/the sealer seals every transaction"}},
	{name: "finds the last sealed transaction, too", plant: handing(func(_ *memory.Store, b *broken) { b.tokens = followsAll{b.Tx.Tokens()} }),
		fails: []string{"chain/the transactions after the last seals are found"}},
	{name: "does not find the first recent transaction", plant: handing(func(_ *memory.Store, b *broken) { b.tokens = startsLate{b.Tx.Tokens()} }),
		fails: []string{"chain/transactions that are not sealed are found by their time"}},
	{name: "accepts one address twice", plant: handing(func(_ *memory.Store, b *broken) {
		b.users = twoAddresses{b.Tx.Users()}
	}),
		fails: []string{"users/an address is taken in any spelling",
			"users/concurrent adds of one address create one account",
			"everyday/an address is one account in every spelling"}},
	{name: "ignores twins", plant: handing(func(_ *memory.Store, b *broken) {
		b.users = ignoresTwins{b.Tx.Users()}
	}),
		fails: []string{"twins/a twin is found by its exact address, and its sibling by any other",
			"twins/an account with the address of a twin is not added"}},
	{name: "grants a bonus again", plant: handing(func(_ *memory.Store, b *broken) {
		b.users = grantsAgain{b.Tx.Users()}
	}),
		fails: []string{"grants/a bonus is granted once, also after an erasure",
			"grants/of concurrent units, one grants a bonus"}},
	{name: "loses its keys", plant: handing(func(_ *memory.Store, b *broken) {
		b.users = newKeys{b.Tx.Users()}
	}),
		fails: []string{"grants/a key of the store stays", "grants/concurrent units get one key"}},
	{name: "forgets every try", plant: handing(func(_ *memory.Store, b *broken) {
		b.users = countsNothing{b.Tx.Users()}
	}),
		fails: []string{"tries/a count of tries is the one that was saved last", "guessing/of concurrent wrong passwords, ten are compared"}},
	{name: "counts tries from a copy that lags", plant: newLagging,
		fails: []string{"tries/of concurrent units, each counts one more try",
			"guessing/of concurrent wrong passwords, ten are compared"}},
	{name: "gives no try back", plant: handing(func(_ *memory.Store, b *broken) {
		b.users = keepsTries{b.Tx.Users()}
	}),
		fails: []string{"tries/a try is given back once, and none below zero", "guessing/right passwords are not counted, however many there are"}},
	{name: "forgets known networks", plant: handing(func(_ *memory.Store, b *broken) {
		b.users = forgetsNetworks{b.Tx.Users()}
	}),
		fails: []string{"tries/an address that is known stays known for longer", "guessing/strangers do not lock out a network from which the account signed in"}},
	{name: "keeps the tries of the erased", plant: handing(func(_ *memory.Store, b *broken) {
		b.users = remembersErased{b.Tx.Users()}
	}),
		fails: []string{"tries/the counts of a subject are removed", "guessing/an erasure removes the counts of the account"}},
	{name: "purges tries early", plant: handing(func(_ *memory.Store, b *broken) {
		b.users = purgesEarly{b.Tx.Users()}
	}),
		fails: []string{"tries/counts are purged when they have expired"}},
	{name: "uses a code of a second factor twice", plant: handing(func(_ *memory.Store, b *broken) {
		b.users = usesStepsAgain{b.Tx.Users()}
	}),
		fails: []string{"factors/a time step is used once, and none before it", "factors/of concurrent units, one uses a time step",
			"guessing/of concurrent sign-ins with one code, one is let in"}},
	{name: "uses a recovery code twice", plant: handing(func(_ *memory.Store, b *broken) {
		b.users = usesRecoveryAgain{b.Tx.Users()}
	}),
		fails: []string{"factors/a recovery code is used once", "factors/of concurrent units, one uses a recovery code",
			"guessing/of concurrent sign-ins with one code, one is let in"}},
	{name: "keeps the second factor of the erased", plant: handing(func(_ *memory.Store, b *broken) {
		b.users = keepsErasedFactor{b.Tx.Users()}
	}),
		fails: []string{"factors/an erasure removes the second factor"}},
	{name: "regards accents in searches", plant: handing(func(_ *memory.Store, b *broken) {
		b.matching = searchesMarks{b.Tx.Matching()}
	}),
		fails: []string{"search/places are compared without regard to case",
			"everyday/places are found without blanks, case and marks"}},
	{name: "ignores blocks", plant: handing(func(_ *memory.Store, b *broken) {
		b.matching = ignoresBlocks{b.Tx.Matching(), b.Tx.Users()}
	}),
		fails: []string{"sight/of every user, a viewer sees what the facts allow"},
		says:  "I block true, they block false, searchable true) among people"},
	{name: "takes an opened conversation for a written one", plant: handing(func(_ *memory.Store, b *broken) {
		b.matching = opensForWrites{b.Tx.Matching(), b.Tx.Messaging()}
	}),
		fails: []string{"sight/of every user, a viewer sees what the facts allow"},
		says:  "the profile of a user (active, conversation silent, I block false, they block false, searchable false)"},
	{name: "begins each page of residents with a place", plant: handing(func(_ *memory.Store, b *broken) {
		b.matching = repeatsPlaces{b.Tx.Matching()}
	}),
		fails: []string{"search/searchable profiles of active users are listed by their places"}},
	{name: "finds hidden profiles among given ones", plant: handing(func(_ *memory.Store, b *broken) {
		b.matching = findsHidden{b.Tx.Matching()}
	}),
		fails: []string{"search/only searchable profiles of active others are found", "search/a block hides both from each other",
			"search/among given profiles, a search finds those that fit"}},
	{name: "lists only candidates who may be found", plant: handing(func(_ *memory.Store, b *broken) {
		b.matching = listsFindable{b.Tx.Matching()}
	}),
		fails: []string{"search/all profiles are listed by id, with what searches compare"}},
	{name: "looks only at the best candidates", plant: handing(func(_ *memory.Store, b *broken) {
		b.matching = looksAtFew{b.Tx.Matching()}
	}),
		fails: []string{"search/inactive people displace nobody"}},
	{name: "ranks by the interests that it has saved itself", plant: newRanksSaved,
		fails: []string{"rows/a copy in another store is equal and usable"}, says: "the matches of ada"},
	{name: "accepts a stale save", plant: handing(func(_ *memory.Store, b *broken) {
		b.users = savesStale{b.Tx.Users()}
	}),
		fails: []string{"units/a stale save is a conflict, and succeeds when run again"}},
	{name: "finds the sessions of the inactive", plant: handing(func(_ *memory.Store, b *broken) {
		b.users = findsInactive{b.Tx.Users()}
	}),
		fails: []string{"sessions/of several sessions, the active ones are found"}},
	{name: "finds blocks in both directions", plant: handing(func(_ *memory.Store, b *broken) {
		b.moderation = findsBothWays{b.Tx.Moderation()}
	}),
		fails: []string{"moderation/blocks between users are found in one direction"}},
	{name: "keeps a reset too many", plant: handing(func(_ *memory.Store, b *broken) {
		b.users = keepsOneMore{b.Tx.Users()}
	}),
		fails: []string{"sessions/an account keeps the resets that expire last"}},
	{name: "admits callers who are not signed in", plant: handing(func(_ *memory.Store, b *broken) {
		b.users = checksNobody{b.Tx.Users()}
	}),
		fails: []string{"sessions/a unit begins with the check of a session", "sessions/a unit begins with the check of an account"}},
	{name: "forgets a check that it has left to the rest of the unit", plant: handing(func(_ *memory.Store, b *broken) {
		b.users = checksReaders{b.Tx.Users(), new(error)}
	}),
		fails: []string{
			"sessions/a unit begins with the check of a session", "sessions/a unit begins with the check of an account",
			"reservations/a view begins with the check of a session", "steps/a send in one step begins with the check of a session",
			"steps/an acceptance and a cancellation in one step begin with the check of a session",
			"steps/a marking in one step begins with the check of a session",
		}, says: "a view of matches returned"},
	{name: "lets a refresh token be used twice", plant: handing(func(_ *memory.Store, b *broken) {
		b.users = usedTwice{b.Tx.Users()}
	}),
		fails: []string{"sessions/a refresh token counts its uses, and notes the time of the first",
			"sessions/of concurrent uses of a refresh token, each finds another number of uses"}},
	{name: "does not count the uses of a refresh token", plant: handing(func(_ *memory.Store, b *broken) {
		b.users = countsToTwo{b.Tx.Users()}
	}),
		fails: []string{"sessions/a refresh token counts its uses, and notes the time of the first",
			"sessions/of concurrent uses of a refresh token, each finds another number of uses"}},
	{name: "lists ended sessions as live", plant: handing(func(_ *memory.Store, b *broken) {
		b.users = listsEnded{b.Tx.Users()}
	}),
		fails: []string{"sessions/sessions are listed in pages, newest first"}},
	{name: "does not date the last use of a session", plant: handing(func(_ *memory.Store, b *broken) {
		b.users = neverUsed{b.Tx.Users()}
	}),
		fails: []string{"sessions/another refresh token is a use of its session"}},
	{name: "revokes the excepted session", plant: handing(func(_ *memory.Store, b *broken) {
		b.users = exceptsNone{b.Tx.Users()}
	}),
		fails: []string{"sessions/revoking all sessions ends the live ones, except one"}},
	{name: "forgets the secret of a webhook before a rotation", plant: handing(func(_ *memory.Store, b *broken) {
		b.webhooks = keepsNoOldSecrets{b.Tx.Webhooks()}
	}),
		fails: []string{"webhooks/a webhook is the one that was put last"}},
	{name: "keeps a webhook that was removed", plant: handing(func(_ *memory.Store, b *broken) {
		b.webhooks = keepsWebhooks{b.Tx.Webhooks()}
	}),
		fails: []string{"webhooks/a webhook is removed"}},
	{name: "repeats a webhook on the next page", plant: handing(func(_ *memory.Store, b *broken) {
		b.webhooks = repeatsWebhooks{b.Tx.Webhooks()}
	}),
		fails: []string{"webhooks/pages of webhooks hold each once"}},
	{name: "trims text", plant: handing(func(_ *memory.Store, b *broken) { b.users = trims{b.Tx.Users()} }),
		fails: []string{"values/text comes back byte for byte"}},
	{name: "accepts a second pending report", plant: handing(func(_ *memory.Store, b *broken) {
		b.moderation = twoReports{b.Tx.Moderation()}
	}),
		fails: []string{"moderation/a pair has one pending report at a time",
			"calls/a duplicate does not end the unit"}},
	{name: "keeps only the reported message of a report", plant: handing(func(_ *memory.Store, b *broken) {
		b.moderation = forgetsContext{b.Tx.Moderation()}
	}),
		fails: []string{"moderation/a report keeps the messages that were copied into it",
			"everyday/a reported message is copied with the two before it"}},
	{name: "lists the messages of a report backwards", plant: handing(func(_ *memory.Store, b *broken) {
		b.moderation = newestReported{b.Tx.Moderation()}
	}),
		fails: []string{"moderation/a report keeps the messages that were copied into it"}},
	{name: "lists only pending reports about a user", plant: handing(func(_ *memory.Store, b *broken) {
		b.moderation = aboutPending{b.Tx.Moderation()}
	}),
		fails: []string{"moderation/pages of reports about a user hold each once"}},
	{name: "does not store the outcome of a sanction", plant: handing(func(_ *memory.Store, b *broken) {
		b.moderation = forgetsOutcomes{b.Tx.Moderation()}
	}),
		fails: []string{"moderation/a sanction keeps its appeal and its outcome"}},
	{name: "repeats sanctions on the next page", plant: handing(func(_ *memory.Store, b *broken) {
		b.moderation = repeatsSanctions{b.Tx.Moderation()}
	}),
		fails: []string{"moderation/pages of sanctions hold each once"}},
	{name: "does not store a suspension", plant: handing(func(_ *memory.Store, b *broken) {
		b.users = unsuspended{b.Tx.Users()}
	}),
		fails: []string{"everyday/a suspended user comes back"}},
	{name: "shows suspended users", plant: handing(func(_ *memory.Store, b *broken) {
		b.matching = visibleSuspended{b.Tx.Matching(), b.Tx.Users()}
	}),
		fails: []string{"sight/of every user, a viewer sees what the facts allow"}, says: "user (suspended"},
	{name: "reports every conversation as new", plant: handing(func(_ *memory.Store, b *broken) {
		b.messaging = opensAlways{b.Tx.Messaging()}
	}),
		fails: []string{"messaging/concurrent opens of a conversation create one"}},
	{name: "counts what was opened before the unit began", plant: newUncounted,
		fails: []string{"races/concurrent opens stay within the quota"},
		says:  "concurrent opens that succeeded"},
	{name: "counts the oldest conversations", plant: handing(func(_ *memory.Store, b *broken) {
		b.messaging = oldest{b.Tx.Messaging()}
	}),
		fails: []string{"messaging/the n-th newest conversation that a voyager opened is found"}},
	{name: "orders messages by time alone", plant: handing(func(_ *memory.Store, b *broken) {
		b.messaging = unordered{b.Tx.Messaging()}
	}),
		fails: []string{"messaging/pages of messages hold each once, newest first"}},
	{name: "shows messages to everybody", plant: handing(func(_ *memory.Store, b *broken) {
		b.messaging = open{b.Tx.Messaging()}
	}),
		fails: []string{"messaging/the participants of a conversation read its messages, and nobody else does"},
		says:  "the history of another's conversation"},
	{name: "takes the other's account for that of the reader", plant: handing(func(_ *memory.Store, b *broken) {
		b.messaging = mutual{b.Tx.Messaging()}
	}),
		fails: []string{"messaging/the participants of a conversation read its messages, and nobody else does"},
		says:  "the access of one whose other is inactive"},
	{name: "does not report the latest message", plant: handing(func(_ *memory.Store, b *broken) {
		b.messaging = timeless{b.Tx.Messaging()}
	}),
		fails: []string{"messaging/holding a conversation reports its standing and latest message",
			"races/no message is older than one that was acknowledged before"}},
	{name: "takes no notice of answers", plant: handing(func(_ *memory.Store, b *broken) {
		b.messaging = ignoresAnswers{b.Tx.Messaging()}
	}),
		fails: []string{"messaging/holding a conversation reports that messages have no answer",
			"races/two hundred sends without an answer store as many as allowed"},
		says: "after an answer"},
	{name: "counts what was sent before the unit began", plant: newSentUncounted,
		fails: []string{"races/two hundred sends without an answer store as many as allowed"},
		says:  "sends without an answer"},
	{name: "counts no pending reservation as one's own", plant: handing(func(_ *memory.Store, b *broken) {
		b.reservations = nobodysPending{b.Tx.Reservations()}
	}),
		fails: []string{"reservations/pending reservations of a conversation are counted, and one's own",
			"races/concurrent proposals without an answer are as many as allowed"}},
	{name: "counts all pending reservations as one's own", plant: handing(func(_ *memory.Store, b *broken) {
		b.reservations = allPending{b.Tx.Reservations()}
	}),
		fails: []string{"reservations/pending reservations of a conversation are counted, and one's own",
			"races/concurrent proposals without an answer are as many as allowed"}},
	{name: "marks one's own messages as read", plant: handing(func(_ *memory.Store, b *broken) {
		b.messaging = readsAll{b.Tx.Messaging()}
	}),
		fails: []string{"messaging/reading marks the other's messages up to a moment",
			"everyday/unread messages are counted exactly"}},
	{name: "replaces cleaned images", plant: handing(func(_ *memory.Store, b *broken) {
		b.messaging = recleans{b.Tx.Messaging()}
	}),
		fails: []string{"messaging/an image is replaced by a cleaned one once"}},
	{name: "hands out its own bytes", plant: newSharing, fails: []string{"aliasing/changing a result changes no row"}},
	{name: "cuts times to seconds", plant: handing(func(_ *memory.Store, b *broken) {
		b.reservations = seconds{b.Tx.Reservations()}
	}),
		fails: []string{"values/times come back in UTC to the millisecond"}},
	{name: "does not see what is held of a wallet", plant: handing(func(_ *memory.Store, b *broken) {
		b.reservations = readsBalance{b.Tx.Reservations()}
	}),
		fails: []string{"reservations/tokens are held for a voyager's accepted reservations"}},
	{name: "takes adjacent reservations for overlapping", plant: handing(func(_ *memory.Store, b *broken) {
		b.reservations = closedEnds{b.Tx.Reservations()}
	}),
		fails: []string{"reservations/accepted reservations of a local never overlap",
			"everyday/hours around the change to summer time do not overlap"}},
	{name: "reports an overlap as done", plant: handing(func(_ *memory.Store, b *broken) {
		b.reservations = overlapDone{b.Tx.Reservations()}
	}),
		fails: []string{"reservations/accepted reservations of a local never overlap"}},
	{name: "lets pending reservations lapse at their end date", plant: handing(func(_ *memory.Store, b *broken) {
		b.reservations = lapsesAtTheEnd{b.Tx.Reservations()}
	}),
		fails: []string{"reservations/pending reservations that lapsed are listed by their date",
			"everyday/everything that is held can be freed"}},
	{name: "leaves reservations that have begun out of an agenda", plant: handing(func(_ *memory.Store, b *broken) {
		b.reservations = beginsWithin{b.Tx.Reservations()}
	}),
		fails: []string{"reservations/pages of a person's agenda hold each once, by date"}},
	{name: "lists only pending reservations in place of all", plant: handing(func(_ *memory.Store, b *broken) {
		b.reservations = onlyPending{b.Tx.Reservations()}
	}),
		fails: []string{"reservations/pages of all reservations hold each once"}},
	{name: "leaves out last names", plant: handing(func(_ *memory.Store, b *broken) {
		b.matching = discreet{b.Tx.Matching()}
	}),
		fails: []string{"search/a match has the whole profile, and the shared interests by name"}},
	{name: "ignores rows that exist", plant: handing(func(_ *memory.Store, b *broken) {
		b.rows = forgiving{b.Tx.Rows()}
	}),
		fails: []string{"rows/rows whose key exists are refused", "rows/the ledger only grows"}},
	{name: "lists copied conversations without their messages", plant: newUnlisted,
		fails: []string{"rows/a copy in another store is equal and usable"}, says: "the conversations of"},
	{name: "sends in one step, and forgets the key", plant: sending(forgetsKey),
		fails: []string{"steps/a send in one step is a send step by step"}, says: "idempotency_records"},
	{name: "sends in one step, and ignores a used key", plant: sending(ignoresKey),
		fails: []string{"steps/a send in one step is a send step by step"}},
	{name: "sends in one step, and ignores blocks", plant: sending(sendsBlocked),
		fails: []string{"steps/a send in one step is a send step by step"}, says: "in one step and step by step"},
	{name: "sends in one step, and ignores the quota", plant: sending(ignoresQuota),
		fails: []string{"steps/a send in one step is a send step by step"}},
	{name: "sends in one step, at the present time", plant: sending(ignoresLatest),
		fails: []string{"steps/a send in one step is a send step by step"}},
	{name: "sends in one step, and forgets the correspondent", plant: sending(forgetsCorrespondent),
		fails: []string{"steps/a send in one step is a send step by step"}, says: "correspondents"},
	{name: "sends in one step, and events without a seq", plant: sending(forgetsSeq),
		fails: []string{"steps/a send in one step is a send step by step"}, says: "outbox"},
	{name: "sends in one step, without the check of a session", plant: handing(func(_ *memory.Store, b *broken) {
		b.users, b.messaging = checksReaders{b.Tx.Users(), new(error)}, sender{b.Tx.Messaging(), b.Tx, sound}
	}),
		fails: []string{"steps/a send in one step begins with the check of a session"}, says: "a revoked session: a command"},
	{name: "sends in one step, but never does it", plant: sending(neverDone),
		fails: []string{"steps/a send in one step is a send step by step"}, says: "the commands that were done in one step"},
	{name: "forgets a field", plant: handing(func(_ *memory.Store, b *broken) {
		b.matching = forgetful{b.Tx.Matching()}
	}),
		fails: []string{"fields/matching.Profile"}, says: "Profile.Biography: wrote \"value "},
	{name: "forgets that a message was read", plant: handing(func(_ *memory.Store, b *broken) {
		b.messaging = unread{b.Tx.Messaging()}
	}),
		fails: []string{"fields/messaging.Message and Attachment"},
		says:  "messaging.Repository.History: Message.Read: wrote true, read false"},
	{name: "cuts malformed rows and keys to size", plant: handing(func(_ *memory.Store, b *broken) {
		b.rows = fitting{b.Tx.Rows()}
	}),
		fails: []string{"rows/malformed rows are refused", "rows/malformed keys are refused"}},
}

func commitsFailures(s *memory.Store, ctx context.Context, mode uow.Mode, fn unit) error {
	var failed error
	err := s.Run(ctx, mode, func(ctx context.Context, tx ports.Tx) error {
		failed = fn(ctx, tx)
		return nil
	})
	return errors.Join(failed, err)
}

func commitsPanics(s *memory.Store, ctx context.Context, mode uow.Mode, fn unit) error {
	var panicked any
	err := s.Run(ctx, mode, func(ctx context.Context, tx ports.Tx) error {
		defer func() { panicked = recover() }()
		return fn(ctx, tx)
	})
	if panicked != nil {
		panic(panicked)
	}
	return err
}

func writesAlways(s *memory.Store, ctx context.Context, _ uow.Mode, fn unit) error {
	return s.Run(ctx, uow.Write, fn)
}

func freshSnapshots(s *memory.Store, ctx context.Context, mode uow.Mode, fn unit) error {
	if mode == uow.Snapshot {
		mode = uow.Read
	}
	return s.Run(ctx, mode, fn)
}

func neverCancelled(s *memory.Store, ctx context.Context, mode uow.Mode, fn unit) error {
	return s.Run(context.WithoutCancel(ctx), mode, func(_ context.Context, tx ports.Tx) error {
		return fn(ctx, deaf{tx})
	})
}

// deaf is a unit that saves users although its context has ended.
type deaf struct{ ports.Tx }

func (d deaf) Users() users.Repository { return deafUsers{d.Tx.Users()} }

type deafUsers struct{ users.Repository }

func (r deafUsers) Save(ctx context.Context, u users.User) error {
	return r.Repository.Save(context.WithoutCancel(ctx), u)
}

type neverClosed struct{ *memory.Store }

func (neverClosed) Close(context.Context) error { return nil }

// newStuck returns a store that no unit can use after a panic, as if its lock were not released. It
// does not wait for the lock, to save time.
func newStuck(s *memory.Store) ports.Storage {
	var locked atomic.Bool
	return &runner{s, func(ctx context.Context, mode uow.Mode, fn unit) error {
		if mode == uow.Write && !locked.CompareAndSwap(false, true) {
			return context.DeadlineExceeded
		}
		err := s.Run(ctx, mode, fn)
		locked.Store(false)
		return err
	}}
}

// newDirty returns a store whose readers use the unit that writes.
func newDirty(s *memory.Store) ports.Storage {
	var writing atomic.Pointer[ports.Tx]
	return &runner{s, func(ctx context.Context, mode uow.Mode, fn unit) error {
		if tx := writing.Load(); tx != nil && mode != uow.Write {
			return fn(ctx, *tx)
		}
		return s.Run(ctx, mode, func(ctx context.Context, tx ports.Tx) error {
			if mode == uow.Write {
				writing.Store(&tx)
				defer writing.Store(nil)
			}
			return fn(ctx, tx)
		})
	}}
}

// immortal reads accounts although its unit has ended.
type immortal struct {
	users.Repository
	store *memory.Store
}

func (r immortal) User(ctx context.Context, user id.User) (users.User, error) {
	u, err := r.Repository.User(ctx, user)
	if errors.Is(err, uow.ErrEnded) {
		return apart(ctx, r.store, func(ctx context.Context, tx ports.Tx) (users.User, error) {
			return tx.Users().User(ctx, user)
		})
	}
	return u, err
}
