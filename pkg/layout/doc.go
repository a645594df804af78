// Package layout holds no code: its tests are the rules of the house. They read the repository as it lies on disk, parse
// every Go file and every page of docs/, and say what breaks a rule, and where.
//
// The rules: imports go downwards only; each SDK has one importer; emulators are linked into nothing that is deployed;
// only functions/cmd/* are programs; every package says what it does; every function is a folder, a function.json and a
// route; what the docs name exists; no file knows the machine it was written on. A new package below pkg/ has to be put
// into a layer, in the table of layers. Each rule has a test that shows it failing.
//
// The rules read source. What go vet, staticcheck and go mod tidy find is left to make check.
package layout
