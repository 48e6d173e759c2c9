package tiny

import "testing"

var _ = [size]int{4: 0}

func TestHeld(t *testing.T) {
	if !Held(9) || Held(10) {
		t.Error("9 is below 10, and 10 is not")
	}
}

func TestLoose(t *testing.T) {
	if !Loose(1) || Loose(20) {
		t.Error("1 is below 10, and 20 is not")
	}
}

func TestClamp(t *testing.T) {
	if Clamp(-1) != 0 || Clamp(1) != 1 || Last() != 0 || Next(1) != 2 {
		t.Error("a number is wrong")
	}
}
