using System.Buffers.Binary;
using System.Security.Cryptography;
using System.Text;
using Serving.Core.Memory;

namespace Serving.Engine.PromptModules.Schemas;

/// <summary>
/// A schema's version: SHA-256 over what it means, so that the same schema written as PML and as JSON has one version. Its name is not part of it. Each node is a
/// letter and its fields, texts as their length in bytes (little endian) and UTF-8, a list of nodes closed by a full stop.
/// </summary>
public static class SchemaDigest
{
    /// <summary>The version of a schema.</summary>
    public static Digest Of(PromptSchema schema)
    {
        ArgumentNullException.ThrowIfNull(schema);
        using var hash = IncrementalHash.CreateHash(HashAlgorithmName.SHA256);
        hash.AppendData("prompt-schema-1"u8);
        Append(hash, schema.Children);
        foreach (var scaffold in schema.Scaffolds)
        {
            hash.AppendData("S"u8);
            foreach (var path in scaffold)
            {
                Append(hash, path);
            }

            hash.AppendData("."u8);
        }

        Span<byte> digest = stackalloc byte[Digest.SizeBytes];
        hash.GetHashAndReset(digest);
        return new Digest(digest);
    }

    private static void Append(IncrementalHash hash, IEnumerable<SchemaNode> nodes)
    {
        foreach (var node in nodes)
        {
            Append(hash, node);
        }

        hash.AppendData("."u8);
    }

    private static void Append(IncrementalHash hash, SchemaNode node)
    {
        switch (node)
        {
            case SchemaText text:
                hash.AppendData("T"u8);
                Append(hash, text.Text);
                break;
            case SchemaParameter parameter:
                hash.AppendData(parameter.Scaffold is null ? "P"u8 : "D"u8);
                Append(hash, parameter.Name);
                Append(hash, parameter.Length);
                Append(hash, parameter.Scaffold ?? "");
                break;
            case SchemaModule module:
                hash.AppendData("M"u8);
                Append(hash, module.Name);
                Append(hash, module.Children);
                break;
            case SchemaUnion union:
                hash.AppendData("U"u8);
                Append(hash, union.Members);
                break;
            case SchemaMessage message:
                hash.AppendData("R"u8);
                Append(hash, (int)message.Role);
                Append(hash, message.Children);
                break;
        }
    }

    private static void Append(IncrementalHash hash, string text)
    {
        var bytes = Encoding.UTF8.GetBytes(text);
        Append(hash, bytes.Length);
        hash.AppendData(bytes);
    }

    private static void Append(IncrementalHash hash, int number)
    {
        Span<byte> bytes = stackalloc byte[sizeof(int)];
        BinaryPrimitives.WriteInt32LittleEndian(bytes, number);
        hash.AppendData(bytes);
    }
}
