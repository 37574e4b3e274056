namespace Serving.Engine.Tokenization.Templates.Values;

/// <summary>
/// What one rendering may cost. A template is hostile until it has ended: it pays for every node it evaluates, every element it
/// walks over and every character it makes, and ends with a fault when it cannot.
/// </summary>
internal sealed class RenderBudget
{
    /// <summary>Operations of one rendering; long conversations under real templates need a hundredth.</summary>
    public const long MaxOperations = 1_000_000;

    /// <summary>Macro calls and recursive loops inside each other; deeper than any JSON schema that templates print.</summary>
    public const int MaxRecursion = 32;

    /// <summary>Lists and objects inside each other when a value is compared, printed or hashed.</summary>
    public const int MaxDepth = 100;

    /// <summary>Characters that copying, comparing or scanning handles for the price of one operation.</summary>
    private const int CharactersPerOperation = 128;

    /// <summary>Comparisons of a search for a string inside another that cost one operation; the search itself is quadratic at worst.</summary>
    private const int ComparisonsPerOperation = 4096;

    private const long MinOutput = 1 << 20;

    private const long MinGrowth = 16 << 20;

    private bool _isMetered;

    private long _growth = MinGrowth;

    private int _recursion;

    /// <summary>Operations paid so far.</summary>
    public long Operations { get; private set; }

    /// <summary>Characters that any single string, and so the output, may have.</summary>
    public long MaxText { get; private set; } = MinOutput;

    /// <summary>
    /// Starts metering, and scales the limits on characters with the input: output ≤ 4 × input + 64 KiB, all copies together
    /// ≤ 32 × input + 16 Mi. What comes before, reading the input, is bounded by the request's size.
    /// </summary>
    /// <param name="characters">Characters in all strings of the input.</param>
    public void AdmitInput(long characters)
    {
        _isMetered = true;
        MaxText = Math.Max(MinOutput, (4 * characters) + (64 << 10));
        _growth = MinGrowth + (32 * characters);
    }

    /// <summary>Pays for work.</summary>
    public void Charge(long operations = 1)
    {
        if (!_isMetered)
        {
            return;
        }

        Operations += operations;
        if (Operations > MaxOperations)
        {
            Operations = MaxOperations;
            throw new TemplateFault($"the template needs more than {MaxOperations} operations");
        }
    }

    /// <summary>Pays for reading <paramref name="characters"/> characters once.</summary>
    public void ChargeText(long characters) => Charge(1 + (characters / CharactersPerOperation));

    /// <summary>Pays for searching a string in another.</summary>
    public void ChargeSearch(int text, int part) =>
        Charge(1 + (text / CharactersPerOperation) + (Math.Max(0L, (long)text - part) * part / ComparisonsPerOperation));

    /// <summary>Pays for a new string of <paramref name="characters"/> characters before it is made.</summary>
    public void Allocate(long characters)
    {
        if (characters > MaxText)
        {
            throw new TemplateFault($"a string of the template grows over {MaxText} characters");
        }

        ChargeText(characters);
        Grow(characters);
    }

    /// <summary>Pays for characters that are added to a string whose length the caller checks; reading them is paid apart.</summary>
    public void Grow(long characters)
    {
        _growth -= characters;
        if (_growth < 0)
        {
            throw new TemplateFault("the template makes more text than its input allows");
        }
    }

    /// <summary>Enters a macro or a recursive loop; every call is paired with <see cref="Leave"/>.</summary>
    public void Enter()
    {
        if (++_recursion > MaxRecursion)
        {
            throw new TemplateFault($"macros or loops call themselves more than {MaxRecursion} deep");
        }
    }

    /// <summary>Leaves what <see cref="Enter"/> entered.</summary>
    public void Leave() => _recursion--;

    /// <summary>Faults when a walk over nested values is too deep, or the thread's stack too short for another level.</summary>
    public static void CheckDepth(int depth)
    {
        if (depth > MaxDepth)
        {
            throw new TemplateFault($"a value is nested more than {MaxDepth} deep");
        }

        CheckStack();
    }

    /// <summary>Faults before the thread's stack ends; the limits on nesting come first on a thread of ordinary size.</summary>
    public static void CheckStack()
    {
        if (!System.Runtime.CompilerServices.RuntimeHelpers.TryEnsureSufficientExecutionStack())
        {
            throw new TemplateFault("the template is nested too deep for the stack");
        }
    }
}
