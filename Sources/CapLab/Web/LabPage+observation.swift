extension LabPage {
    /// Connects `observation` to this page: the page shows its events, and both use the same chosen key.
    func show(_ observation: Observation) {
        observation.viewerCount = { [hub] in hub.viewerCount }
        addObserver { observation.firstEvents() }
        addAnswerObserver { observation.answered($0) }
        observation.setKey(key)
        onKeyChange = { observation.setKey($0) }
        series.gauges = { service in
            guard let figures = observation.figures(of: service) else { return ServiceGauges() }
            return ServiceGauges(
                stalenessMs: figures.stalenessMs, hints: figures.hints, conflicts: figures.conflicts)
        }
    }
}
