using System.Text;

namespace Serving.Engine.Tokenization.Normalizers;

/// <summary>
/// The four Unicode normalization forms (Unicode Standard Annex 15): decompose, put marks in canonical order, and compose again
/// for the C forms.
/// </summary>
/// <param name="compatible">Whether compatibility mappings are applied (the K forms).</param>
/// <param name="compose">Whether the result is composed (the C forms).</param>
internal sealed class NormalForm(bool compatible, bool compose) : Normalizer
{
    private const int SyllableBase = 0xAC00;
    private const int LeadBase = 0x1100;
    private const int VowelBase = 0x1161;
    private const int TrailBase = 0x11A7;
    private const int LeadCount = 19;
    private const int VowelCount = 21;
    private const int TrailCount = 28;

    private static readonly UnicodeData Data = UnicodeData.Instance;

    /// <inheritdoc/>
    public override string Normalize(string text)
    {
        if (Ascii.IsValid(text))
        {
            return text;
        }

        var codes = new List<int>(text.Length + 16);
        foreach (var rune in text.EnumerateRunes())
        {
            Decompose(rune.Value, codes);
        }

        Order(codes);
        if (compose)
        {
            Compose(codes);
        }

        var result = new StringBuilder(codes.Count);
        foreach (var code in codes)
        {
            result.Append(new Rune(code));
        }

        return result.ToString();
    }

    private void Decompose(int code, List<int> output)
    {
        var syllable = code - SyllableBase;
        if ((uint)syllable < LeadCount * VowelCount * TrailCount)
        {
            output.Add(LeadBase + (syllable / (VowelCount * TrailCount)));
            output.Add(VowelBase + (syllable / TrailCount % VowelCount));
            if (syllable % TrailCount != 0)
            {
                output.Add(TrailBase + (syllable % TrailCount));
            }
        }
        else if (code < 0x80 || Data.Decomposition(code, compatible) is not { } parts)
        {
            output.Add(code);
        }
        else
        {
            foreach (var part in parts)
            {
                Decompose(part, output);
            }
        }
    }

    /// <summary>Sorts each run of marks by combining class, stably: in n log n, as a hostile text may be one long run.</summary>
    private static void Order(List<int> codes)
    {
        for (var i = 0; i < codes.Count; i++)
        {
            var start = i;
            var sorted = true;
            for (var last = 0; i < codes.Count && Data.ClassOf(codes[i]) is > 0 and var @class; i++, last = @class)
            {
                sorted &= last <= @class;
            }

            if (!sorted)
            {
                var run = codes.GetRange(start, i - start).OrderBy(Data.ClassOf).ToList();
                for (var k = 0; k < run.Count; k++)
                {
                    codes[start + k] = run[k];
                }
            }
        }
    }

    private static void Compose(List<int> codes)
    {
        var (starter, written, lastClass) = (-1, 0, -1);
        for (var i = 0; i < codes.Count; i++)
        {
            var code = codes[i];
            int @class = Data.ClassOf(code);
            var composite = starter >= 0 && lastClass < @class ? Pair(codes[starter], code) : -1;
            if (composite >= 0)
            {
                codes[starter] = composite;
                continue;
            }

            codes[written] = code;
            if (@class == 0)
            {
                (starter, lastClass) = (written, -1);
            }
            else
            {
                lastClass = @class;
            }

            written++;
        }

        codes.RemoveRange(written, codes.Count - written);
    }

    private static int Pair(int first, int second)
    {
        var (lead, vowel) = (first - LeadBase, second - VowelBase);
        if ((uint)lead < LeadCount && (uint)vowel < VowelCount)
        {
            return SyllableBase + (((lead * VowelCount) + vowel) * TrailCount);
        }

        var (syllable, trail) = (first - SyllableBase, second - TrailBase);
        if ((uint)syllable < LeadCount * VowelCount * TrailCount && syllable % TrailCount == 0 && trail is > 0 and < TrailCount)
        {
            return first + trail;
        }

        return Data.Compose(first, second);
    }
}
