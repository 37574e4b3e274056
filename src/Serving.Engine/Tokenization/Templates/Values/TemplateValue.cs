namespace Serving.Engine.Tokenization.Templates.Values;

/// <summary>
/// A value of the template language, after Python's data model. Values never change once made (the sandbox forbids it as
/// transformers' does), save for a <see cref="NamespaceValue"/>, so that a template can be rendered by many threads.
/// </summary>
internal abstract class TemplateValue
{
    /// <summary>Python's name of the type, for messages.</summary>
    public abstract string TypeName { get; }

    /// <summary>Python's <c>bool(value)</c>.</summary>
    public virtual bool IsTrue => true;
}
