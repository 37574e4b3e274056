namespace Serving.Engine.Tests.Loading;

/// <summary>The loop of every test with mutated files: each is read or refused with its typed exception, and nothing else happens.</summary>
internal static class HostileFiles
{
    private const int Seed = 20_261_120;

    /// <summary>Reads a file that was changed at random, many times.</summary>
    /// <param name="count">How many times.</param>
    /// <param name="file">The well-formed file.</param>
    /// <param name="range">How many of its first bytes are changed.</param>
    /// <param name="read">Reads a changed one.</param>
    /// <typeparam name="TException">What a refusal is.</typeparam>
    public static void Run<TException>(int count, byte[] file, int range, Action<byte[]> read)
        where TException : Exception
    {
        var mutator = new Mutator(Seed);
        var refused = 0;
        for (var i = 0; i < count; i++)
        {
            var mutated = mutator.Mutate(file, range);
            try
            {
                read(mutated);
            }
            catch (TException e)
            {
                refused++;
                Assert.InRange(e.Message.Length, 1, 1500); // The longest lists every architecture that is served.
            }
            catch (Exception e)
            {
                Assert.Fail($"seed {Seed}, file {i}: {e}");
            }
        }

        // Some changes do no harm (a space, a digit of alpha); if none or all did, the test would not be testing.
        Assert.InRange(refused, count / 4, count - (count / 2000));
    }
}
