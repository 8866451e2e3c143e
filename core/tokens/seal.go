package tokens

import (
	"crypto/sha256"
	"encoding/binary"

	"github.com/cicerone-go/cicerone/core/id"
)

// Seal is a link of the chain of a wallet: it seals one transaction and, with it, all transactions
// of the wallet before it. To change, remove or reorder a sealed transaction, one must also make
// all later seals of the wallet again.
type Seal struct {
	UserID id.User
	Seq    int64 // of the transaction
	Hash   SealHash
}

// SealHash is the hash of a Seal. The zero value precedes the first seal of a wallet.
type SealHash [sha256.Size]byte

// Chain is the state of the chain of a wallet.
type Chain struct {
	Last   Seal  // the last seal; Seq is 0 if there is none
	Posted int64 // seq of the wallet's last transaction
}

// sealing separates the hashes of seals from all others, and names the version of their encoding.
const sealing = "cicerone ledger seal 1"

// Next returns the seal of a transaction, which follows s in the chain of its wallet. The hash is
// the SHA-256 of the hash of s and of all fields of the transaction. The reason and the metadata
// are in it as digests, so that the texts are not needed to check a chain. Other texts have their
// length before them, and all other fields have a fixed length.
func (s Seal) Next(t Transaction) Seal {
	b := make([]byte, 0, 256)
	text := func(s string) {
		b = binary.BigEndian.AppendUint64(b, uint64(len(s)))
		b = append(b, s...)
	}
	text(sealing)
	b = append(b, s.Hash[:]...)
	b = append(b, t.UserID[:]...)
	b = append(b, t.ID[:]...)
	text(string(t.Type))
	for _, n := range []int64{t.Seq, t.Amount, t.BalanceBefore, t.BalanceAfter, t.CreatedAt.UnixMicro()} {
		b = binary.BigEndian.AppendUint64(b, uint64(n)) // #nosec G115 -- the same 64 bits
	}
	for _, digest := range [][sha256.Size]byte{sha256.Sum256([]byte(t.Reason)), sha256.Sum256([]byte(t.Metadata.String()))} {
		b = append(b, digest[:]...)
	}
	return Seal{UserID: t.UserID, Seq: t.Seq, Hash: sha256.Sum256(b)}
}

// next returns the seals of the transactions that follow c.Last without a gap. The transactions are
// in ascending order of seq.
func (c Chain) next(lines []Transaction) (seals []Seal) {
	last := c.Last
	for _, line := range lines {
		if line.Seq != last.Seq+1 {
			break
		}
		last = last.Next(line)
		seals = append(seals, last)
	}
	return seals
}
