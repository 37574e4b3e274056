namespace Serving.Engine.Models;

/// <summary>How much of a head a family rotates, where its files say it.</summary>
internal static class PartialRotation
{
    /// <summary>The share, under one of several objects or beside them.</summary>
    public const string Key = "partial_rotary_factor";

    /// <summary>How many elements of a head are rotated.</summary>
    public static int Read(JsonFields fields, int headSize, double otherwise)
    {
        var share = fields.Number(Key, 0.01, 1, otherwise);
        share = fields.Object("rope_parameters")?.Number(Key, 0.01, 1, share) ?? share;
        share = fields.Object("rope_scaling")?.Number(Key, 0.01, 1, share) ?? share;
        var rotated = (int)(headSize * share);
        return rotated >= 2 && rotated % 2 == 0 ? rotated : throw fields.Wrong(Key, "a share that rotates an even number of elements");
    }
}
