import Testing

@Test func buildsAndRuns() {}
