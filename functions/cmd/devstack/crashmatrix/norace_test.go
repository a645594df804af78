//go:build !race

package crashmatrix

// raceDetector says whether this is a race build.
const raceDetector = false
