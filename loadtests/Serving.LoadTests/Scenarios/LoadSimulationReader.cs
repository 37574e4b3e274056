namespace Serving.LoadTests.Scenarios;

/// <summary>Reads an element of <c>load</c>.</summary>
internal static class LoadSimulationReader
{
    private static readonly string[] Kinds = ["inject", "ramping_inject", "inject_random", "keep_constant", "pause", "replay"];

    /// <summary>Reads one.</summary>
    public static LoadSimulation Read(Fields fields, double maxRate, double maxSeconds)
    {
        double Seconds(string name) => fields.Number(name, 0.001, maxSeconds);
        double Rate(string name) => fields.Number(name, 0.0001, maxRate);

        LoadSimulation load = fields.Word("kind", Kinds) switch
        {
            "ramping_inject" => new LoadSimulation.RampingInject(Rate("from"), Rate("to"), Seconds("during")),
            "inject_random" => ReadRandom(fields, maxRate, maxSeconds),
            "keep_constant" => ReadConstant(fields, maxSeconds),
            "pause" => new LoadSimulation.Pause(Seconds("during")),
            "replay" => new LoadSimulation.Replay(
                fields.Word("format", ["azure", "mooncake"]),
                fields.Has("path") ? fields.Text("path") : null,
                fields.Number("speed", 0.0001, 1_000_000, 1),
                fields.Number("length_scale", 0.0001, 1, 1),
                Seconds("during"),
                fields.Whole("max_prompt", 1, ScenarioReader.MaxTokens),
                fields.Whole("max_output", 1, ScenarioReader.MaxTokens)),
            _ => new LoadSimulation.Inject(Rate("rate"), fields.Number("cv", 0, 100, 1), Seconds("during")),
        };
        fields.Done();
        return load;
    }

    private static LoadSimulation.InjectRandom ReadRandom(Fields fields, double maxRate, double maxSeconds)
    {
        var load = new LoadSimulation.InjectRandom(
            fields.Number("min_rate", 0.0001, maxRate), fields.Number("max_rate", 0.0001, maxRate), fields.Number("interval", 0.01, maxSeconds), fields.Number("during", 0.001, maxSeconds));
        if (load.Max < load.Min)
        {
            fields.Complain("max_rate", "must not be below min_rate");
        }

        return load;
    }

    private static LoadSimulation.KeepConstant ReadConstant(Fields fields, double maxSeconds)
    {
        var copies = fields.Whole("copies", 1, 65536);
        double? seconds = fields.Has("during") ? fields.Number("during", 0.001, maxSeconds) : null;
        int? requests = fields.Has("requests") ? fields.Whole("requests", 1, LoadSimulation.KeepConstant.MaxRequests) : null;
        if (seconds is null == requests is null)
        {
            fields.Complain("during", "either this or requests must be there");
        }

        return new LoadSimulation.KeepConstant(copies, seconds, requests);
    }
}
