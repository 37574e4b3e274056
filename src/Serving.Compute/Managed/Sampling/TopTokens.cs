namespace Serving.Compute.Managed.Sampling;

/// <summary>The most likely tokens of a row.</summary>
internal static unsafe class TopTokens
{
    /// <summary>Writes the largest values and their ids, highest first, lowest id first among equals; as many as the spans have room for.</summary>
    public static void Find(float* values, int length, Span<int> ids, Span<float> top)
    {
        var held = 0;
        for (var id = 0; id < length; id++)
        {
            if (held == ids.Length && !(values[id] > top[held - 1]))
            {
                continue;
            }

            var at = held == ids.Length ? held - 1 : held++;
            while (at > 0 && values[id] > top[at - 1])
            {
                (ids[at], top[at]) = (ids[at - 1], top[at - 1]);
                at--;
            }

            (ids[at], top[at]) = (id, values[id]);
        }
    }
}
