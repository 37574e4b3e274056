namespace Serving.Compute.Programs;

/// <summary>How keys and values are kept in pages.</summary>
public enum KeyValueFormat
{
    /// <summary>bf16.</summary>
    BFloat16,

    /// <summary>
    /// Eight-bit integers −127 … 127 with one fp32 scale for a token's key of a head, and one for its value: 8.5 bits an element of heads of 64, 8.25 of 128. A row is rounded once, from fp32, and by
    /// itself: integers are its elements × 127 ÷ its largest magnitude, the scale is that magnitude ÷ 127. Attention multiplies with the integers; a key's scale goes onto its score, a value's onto
    /// its weight before that is rounded to bf16.
    /// </summary>
    Int8,
}
