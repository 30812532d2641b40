"""Run declared benchmark suites and print published figures beside ours."""
