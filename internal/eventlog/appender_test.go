package eventlog_test

func appenderMain() int { return 0 }
