// Package mapping turns entries of one directory into entries of the other by
// rules: Exchange recipients into rows of a cc:Mail post office, and cc:Mail
// users, mailing lists and bulletin boards into Exchange custom recipients.
//
// # Rules
//
// A rule is text with tokens in it. A token is a percent sign, an optional
// width and a letter: %L is the last name, %5L its first five characters, all
// of it when it is shorter. %% is a percent sign, everything else is literal
// text and may stand anywhere (DOC: Q183058, Q197254, Q188680; that literals
// may stand anywhere is OURS where these disagree). There are two vocabularies,
// as in the original connector:
//
//	names      F first name   L last name   I initials
//	addresses  g first name   s surname     i initials   d display name   m alias
//
// What happens when a token has no value is OURS; [Rules] says how.
//
// Filters are cc:Mail addresses with wildcards: * stands for any text, ? and %
// for one character (DOC: Q153487 for the asterisk, INF for the others). Case
// does not count. They see the users of cc:Mail only, never an entry that came
// from Exchange (Q153487) and never a list or a board.
//
// # Promise
//
// The package is pure: values in, values out, no file, network, clock or log.
// The same input gives the same output in any order it is given. What cannot be
// mapped is never dropped without a word: it is returned as excluded (it is
// known and not wanted) or refused (it was wanted and cannot be written), with
// the cause. All cc:Mail addresses of one [ImportResult] differ without regard
// to case.
//
// # What it leaves out
//
// Which step a wanted entry leads to, and clashes with what the other side
// already holds, are the business of package reconcile. The rule that spreads a
// cc:Mail comment over several attributes (Q217040) is not supported. The
// escape character of CCMAIL addresses (Q166556) has no published table, so
// addresses are taken as they stand.
package mapping
