// Package ccmail knows Lotus cc:Mail: the text files that its EXPORT and
// IMPORT programs write and read, the code pages of those files, how the two
// programs are run and what their result codes mean. It knows nothing of
// Exchange.
//
// # Format
//
// A directory file is plain text. Every entry is four lines, each a four
// letter tag, a colon, a blank and a value that runs to the end of the line:
//
//	Name: Quist, Marta
//	Locn: r
//	Addr: EXSITE1 Quist, Marta
//	Cmts: Room 12
//
// Nothing is quoted or escaped. Lotus never published the layout of the
// files for mailing lists, bulletin boards and deletions, so their reading is
// a proposal of ours, and everything that is not certain is a field of
// Dialect. Comments label what they claim: DOC is stated by a vendor's
// document, SEEN was found in a real file, INF follows from those, OURS is a
// decision of this package.
//
// # Promise
//
// A file is read whole or not at all. Whatever looks cut off, repeated with
// other values or in the wrong code page is a *ParseError with its file,
// line and column; what is odd but harmless is a Warning. What a file or
// cc:Mail cannot hold is refused by Options.Check and by the writers with a
// *ValueError; nothing is cut, replaced or escaped. What was written reads
// back equal, and a file in the dialect's strict form is written back byte
// for byte. The multi-byte pages have a few characters with two codes each;
// those are written with the usual one.
//
// The programs run without a shell, under a time limit and in the folder of
// their file. A program that says it succeeded but left no file is an error,
// as is one that refuses entries without naming them. Passwords are shown as
// *** in every command and every output. Store keeps the files of a cycle:
// it overwrites only what a newer file of the same role supersedes.
//
// # Left out
//
// The package neither sorts nor compares entries, does not read message
// files, and keeps no line of a file that it does not understand: such a
// line is an error or a warning, and the value is not written back. It needs
// a Unix system, whose process groups let it end a program with all that the
// program has started.
package ccmail
