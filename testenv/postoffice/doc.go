// Package postoffice is a Lotus cc:Mail post office of our own, with stand-ins
// for Lotus's EXPORT and IMPORT programs. Tests and the program ccpo use it
// where the real thing cannot run. It shares no code with the packages it
// tests: its reader and writer of directory files were written from the
// description of the files alone, so that the two sides can disagree.
//
// # The post office
//
// A post office is a folder with one JSON file, [DataFile], which holds its
// name, password, code page, shape, directory entries, public lists and
// bulletin boards. The file is replaced as a whole: temporary file, sync,
// rename. A program that works on it holds a lock, [LockFile]; a second one is
// turned away. A file CCPODOWN in the folder, in any case, keeps the programs
// out until it is removed (DOC Q179072, Q282172).
//
// # What it is strict about
//
// Names are unique without regard to case and without the post office, among
// users, aliases, post offices and lists (DOC Q237588, Q197255); boards have
// titles of their own, as they are addressed with #. What exists is never
// overwritten: IMPORT refuses the record (DOC Q197255 for post offices, INF for
// the rest). An address at another post office starts with the name of one that
// the directory holds at that moment, so the order of records matters (DOC
// PMDF 38.5.6). In the deletion role only remote users (r) go, and only if the
// location and address in the record, when given, are those of the row (OURS).
// Name, address and comment hold 30, 126 and 126 bytes (OURS).
//
// # Shapes
//
// How real files and command lines look is known in part only, so there are two
// shapes, unlike in every open point; see [Lotus] and [Alt]. The reader takes
// both line ends, blank lines and both field orders in either shape, and
// nothing else: an unknown tag, a tag in another case or a line without a tag
// stops the import before its first record.
//
// # What it leaves out
//
// Messages, mailboxes, ADE propagation (PROP is only remembered with the entry),
// the sort order of a post office's language (names sort by lower-case code
// point), multi-byte code pages, and the CODEPAGE switch, whose spelling is not
// known. List members are not checked against the directory.
package postoffice
