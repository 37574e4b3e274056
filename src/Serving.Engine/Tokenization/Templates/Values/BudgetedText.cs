using System.Text;

namespace Serving.Engine.Tokenization.Templates.Values;

/// <summary>A growing string that pays for every character before it is added.</summary>
internal sealed class BudgetedText(RenderBudget budget)
{
    /// <summary>What adding a string costs beside its characters, in characters.</summary>
    private const int AppendCost = 8;

    /// <summary>Characters that cost one operation when they have come together.</summary>
    private const int CharactersPerCharge = 128;

    private readonly StringBuilder _text = new();

    private int _unpaid;

    public RenderBudget Budget { get; } = budget;

    public int Length => _text.Length;

    public BudgetedText Append(ReadOnlySpan<char> text)
    {
        Admit(text.Length);
        _text.Append(text);
        return this;
    }

    public BudgetedText Append(char c) => Append(c, 1);

    public BudgetedText Append(char c, int count)
    {
        if (count > 0)
        {
            Admit(count);
            _text.Append(c, count);
        }

        return this;
    }

    public override string ToString() => _text.ToString();

    /// <summary>The text as a value.</summary>
    public StringValue ToValue() => new(_text.ToString());

    private void Admit(int characters)
    {
        if (_text.Length + (long)characters > Budget.MaxText)
        {
            Budget.Allocate(_text.Length + (long)characters);
        }

        Budget.Grow(characters);
        _unpaid += Math.Min(characters, 1 << 24) + AppendCost;
        if (_unpaid >= CharactersPerCharge)
        {
            Budget.Charge(_unpaid / CharactersPerCharge);
            _unpaid %= CharactersPerCharge;
        }
    }
}
