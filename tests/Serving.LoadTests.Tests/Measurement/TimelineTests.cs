using Serving.LoadTests.Measurement;

namespace Serving.LoadTests.Tests.Measurement;

public sealed class TimelineTests
{
    /// <summary>An hour of events keeps within its bound and loses none.</summary>
    [Fact]
    public void Points_OfALongPhase_AreFewAndHoldEverything()
    {
        var timeline = new Timeline();
        for (var second = 0; second < 3600; second++)
        {
            timeline.Arrive(second);
            timeline.Tokens(second, 3);
            timeline.First(second, 0.5);
            timeline.End(second, failed: second % 10 == 0);
        }

        var points = timeline.Points();

        Assert.InRange(points.Count, Timeline.MaxStretches / 2, Timeline.MaxStretches);
        Assert.Equal((3600, 10800), (points.Sum(point => point.Arrived), points.Sum(point => point.OutputTokens)));
        Assert.Equal((3240, 360), (points.Sum(point => point.Ended), points.Sum(point => point.Failed)));
        Assert.All(points, point => Assert.InRange(point.TtftP50, 0.49, 0.51));
        Assert.Equal([.. points.Select(point => point.At).Order()], points.Select(point => point.At));
        Assert.True(points.Take(points.Count - 1).All(point => point.Arrived == 32), "all stretches are 32 s long");
    }
}
