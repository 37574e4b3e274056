using Serving.LoadTests.Sampling;

namespace Serving.LoadTests.Arrivals;

/// <summary>Times of arrival, in seconds, ascending, from a seed: they are there before a run begins and depend on nothing that happens in it.</summary>
internal static class ArrivalProcess
{
    /// <summary>A renewal process: intervals are Gamma with mean 1/rate and the given coefficient of variation. S-LoRA: shape 1/cv², scale cv²/rate; cv 1 is Poisson, 0 is even.</summary>
    public static IEnumerable<double> Gamma(double rate, double cv, double seconds, SeededRandom random)
    {
        for (var at = Interval(); at < seconds; at += Interval())
        {
            yield return at;
        }

        double Interval() => cv == 0 ? 1 / rate : cv == 1 ? random.NextExponential() / rate : random.NextGamma(1 / (cv * cv), cv * cv / rate);
    }

    /// <summary>A Poisson process whose rate goes straight from one value to another: unit arrivals, set back through the integral of the rate.</summary>
    public static IEnumerable<double> Ramp(double from, double to, double seconds, SeededRandom random)
    {
        var (slope, mass) = ((to - from) / seconds, 0.0);
        while (true)
        {
            // The rate's integral up to t is from·t + slope·t²/2; its inverse in the form that has no cancellation.
            mass += random.NextExponential();
            var discriminant = (from * from) + (2 * slope * mass);
            var at = discriminant < 0 ? double.PositiveInfinity : 2 * mass / (from + Math.Sqrt(discriminant));
            if (at >= seconds)
            {
                yield break;
            }

            yield return at;
        }
    }

    /// <summary>A Poisson process whose rate is drawn anew, uniformly, after every interval.</summary>
    public static IEnumerable<double> RandomRate(double min, double max, double interval, double seconds, SeededRandom random)
    {
        for (var begin = 0.0; begin < seconds; begin += interval)
        {
            var rate = min + ((max - min) * random.NextDouble());
            foreach (var at in Gamma(rate, 1, Math.Min(interval, seconds - begin), random))
            {
                yield return begin + at;
            }
        }
    }
}
