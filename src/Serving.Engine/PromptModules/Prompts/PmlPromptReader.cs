using System.Xml;
using Serving.Engine.Models;
using Serving.Engine.PromptModules.Reading;
using Serving.Engine.PromptModules.Schemas;

namespace Serving.Engine.PromptModules.Prompts;

/// <summary>A piece of the text behind the modules.</summary>
/// <param name="Role">Whose message it is; null for text outside messages.</param>
/// <param name="Text">What it says.</param>
public readonly record struct PromptPiece(MessageRole? Role, string Text);

/// <summary>A prompt written as PML.</summary>
/// <param name="Schema">The schema that it names.</param>
/// <param name="Modules">The modules that it imports.</param>
/// <param name="Pieces">The text behind them.</param>
/// <param name="StaysOpen">Whether its last message is open: it is empty and the assistant's, who goes on.</param>
public sealed record PmlPrompt(string Schema, IReadOnlyList<ModuleReference> Modules, IReadOnlyList<PromptPiece> Pieces, bool StaysOpen);

/// <summary>
/// Reads Prompt Cache's prompts: <c>&lt;prompt schema="trip"&gt;&lt;miami days="three"/&gt; What do I pack? &lt;/prompt&gt;</c>. An element names a module, its attributes
/// are arguments, elements inside name modules inside; behind the last module stands the new text, in which system, user and assistant make messages.
/// </summary>
public static class PmlPromptReader
{
    /// <summary>Reads a prompt.</summary>
    /// <param name="source">The prompt.</param>
    /// <param name="maxCharacters">Characters at most.</param>
    /// <exception cref="PromptSchemaException">It is no such prompt.</exception>
    public static PmlPrompt Read(string source, int maxCharacters)
    {
        ArgumentNullException.ThrowIfNull(source);
        using var document = new PmlDocument(source, maxCharacters);
        document.ReadRoot("prompt");
        var attributes = document.Attributes();
        if (!attributes.Remove("schema", out var schema) || attributes.Count > 0)
        {
            throw document.Wrong("<prompt> has one attribute, schema");
        }

        var walk = new PromptWalk(document);
        if (!document.IsEmpty)
        {
            walk.ReadContent();
        }

        while (document.Read())
        {
            // Nothing but blanks and comments may follow; the document says so itself.
        }

        return walk.ToPrompt(schema);
    }

    private sealed class PromptWalk(PmlDocument document)
    {
        private readonly List<ModuleReference> _modules = [];
        private readonly List<PromptPiece> _pieces = [];
        private bool _hasMessages;
        private bool _staysOpen;

        public PmlPrompt ToPrompt(string schema)
        {
            // What follows the prompt is the model's to write: a blank at its end would be the first thing that it has to go on from.
            while (_pieces is [.., { Role: null } last])
            {
                _pieces.RemoveAt(_pieces.Count - 1);
                if (last.Text.TrimEnd() is { Length: > 0 } text)
                {
                    _pieces.Add(last with { Text = text });
                    break;
                }
            }

            return new PmlPrompt(schema, _modules, _pieces, _staysOpen);
        }

        public void ReadContent()
        {
            while (document.Read() && document.Kind != XmlNodeType.EndElement)
            {
                if (document.Text() is { } text)
                {
                    AddText(text);
                }
                else if (document.Kind == XmlNodeType.Element)
                {
                    ReadElement();
                }
            }
        }

        private void ReadElement()
        {
            MessageRole? role = document.Name switch { "system" => MessageRole.System, "user" => MessageRole.User, "assistant" => MessageRole.Assistant, _ => null };
            if (role is { } message)
            {
                ReadMessage(message);
                return;
            }

            if (_hasMessages)
            {
                throw document.Wrong("a module stands before the messages only");
            }

            var text = string.Concat(_pieces.Select(piece => piece.Text));
            _pieces.Clear();
            ReadModule("", text);
        }

        private void ReadMessage(MessageRole role)
        {
            if (document.Attributes().Count > 0)
            {
                throw document.Wrong("a message has no attributes");
            }

            _hasMessages = true;
            var (isEmpty, text) = (document.IsEmpty, "");
            while (!isEmpty && document.Read() && document.Kind != XmlNodeType.EndElement)
            {
                text += document.Text() ?? throw document.Wrong("a message holds text only");
            }

            _staysOpen = role == MessageRole.Assistant && text.Length == 0;
            _pieces.Add(new PromptPiece(role, text));
        }

        private void AddText(string text)
        {
            if (_hasMessages && text.Length > 0)
            {
                throw document.Wrong("behind a message stand messages only");
            }

            if (text.Length > 0)
            {
                _pieces.Add(new PromptPiece(null, text));
            }
        }

        private void ReadModule(string parent, string textBefore)
        {
            if (_modules.Count == SchemaLimits.Nodes)
            {
                throw document.Wrong($"more than {SchemaLimits.Nodes} modules");
            }

            if (!SchemaNames.IsValid(document.Name) || document.Depth > SchemaLimits.Depth)
            {
                throw document.Wrong($"{MalformedFileException.Quote(document.Name)} names no module");
            }

            var path = SchemaNames.Join(parent, document.Name);
            _modules.Add(new ModuleReference { Path = path, Arguments = document.Attributes(), TextBefore = textBefore, Field = "prompt" });
            if (document.IsEmpty)
            {
                return;
            }

            while (document.Read() && document.Kind != XmlNodeType.EndElement)
            {
                if (document.Kind == XmlNodeType.Element)
                {
                    ReadModule(path, "");
                }
                else if (document.Text() is not "")
                {
                    throw document.Wrong("a reference to a module holds references only");
                }
            }
        }
    }
}
