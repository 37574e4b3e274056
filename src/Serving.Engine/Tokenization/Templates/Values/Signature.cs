namespace Serving.Engine.Tokenization.Templates.Values;

/// <summary>The parameters of a built-in: names parted by spaces, an optional one marked by <c>?</c>.</summary>
internal sealed class Signature
{
    private readonly string _function;

    private readonly string[] _names;

    private readonly int _required;

    public Signature(string function, string parameters)
    {
        _function = function;
        var names = parameters.Split(' ', StringSplitOptions.RemoveEmptyEntries);
        _required = Array.FindIndex(names, n => n.EndsWith('?')) is var first and >= 0 ? first : names.Length;
        _names = Array.ConvertAll(names, n => n.TrimEnd('?'));
    }

    /// <summary>The arguments in the order of the parameters, null where one is not given.</summary>
    public TemplateValue?[] Bind(CallArguments arguments)
    {
        if (arguments.Positional.Count > _names.Length)
        {
            throw new TemplateFault($"{_function}() takes at most {_names.Length} arguments ({arguments.Positional.Count} given)");
        }

        var bound = new TemplateValue?[_names.Length];
        for (var i = 0; i < arguments.Positional.Count; i++)
        {
            bound[i] = arguments.Positional[i];
        }

        foreach (var (name, value) in arguments.Named)
        {
            var at = Array.IndexOf(_names, name);
            if (at < 0 || bound[at] is not null)
            {
                throw new TemplateFault($"{_function}() got {(at < 0 ? "an unexpected" : "multiple values for")} argument '{name}'");
            }

            bound[at] = value;
        }

        for (var i = 0; i < _required; i++)
        {
            if (bound[i] is null)
            {
                throw new TemplateFault($"{_function}() misses the argument '{_names[i]}'");
            }
        }

        return bound;
    }
}
