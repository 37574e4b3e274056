using System.Collections;
using System.Text.Json;
using Serving.Server.Configuration;

namespace Serving.Server.Tests.Configuration;

public sealed class ConfigurationLoaderTests : IDisposable
{
    private readonly string _file = Path.Combine(Path.GetTempPath(), $"serving-{Guid.NewGuid():n}.json");

    [Fact]
    public void ServingJson_IsTheTableWithItsDefaults()
    {
        var path = Testing.Repository.PathOf("config", "serving.json");

        Assert.Equal(ConfigurationTemplate.Render(new ServingOptions()), File.ReadAllText(path));
        Assert.Empty(Load(path).Errors);
    }

    [Fact]
    public void Keys_FlagsAndVariables_AreUnique()
    {
        Assert.Equal(ConfigurationKeys.All.Count, ConfigurationKeys.All.Select(key => key.Flag).Distinct().Count());
        Assert.Equal(ConfigurationKeys.All.Count, ConfigurationKeys.All.Select(key => key.Variable).Distinct().Count());
        Assert.Equal(ConfigurationKeys.All.Count, typeof(ServingOptions).GetProperties().Sum(section => section.PropertyType.GetProperties().Length));
    }

    [Theory]
    [InlineData(null, null, null, 8000)]
    [InlineData("1", null, null, 1)]
    [InlineData("1", "2", null, 2)]
    [InlineData("1", "2", "3", 3)]
    [InlineData(null, "2", null, 2)]
    public void Load_ManySources_FlagBeforeVariableBeforeFileBeforeDefault(string? file, string? variable, string? flag, int expected)
    {
        Write(file is null ? "{}" : $$"""{"server":{"port":{{file}}} }""");
        var environment = variable is null ? [] : new Hashtable { ["SERVING_SERVER__PORT"] = variable };

        var result = Load(_file, environment, flag is null ? [] : [("server.port", flag)]);

        Assert.Empty(result.Errors);
        Assert.Equal(expected, result.Options.Server.Port);
    }

    [Fact]
    public void Load_ManyMistakes_AreAllReportedWithPlaceAndSuggestion()
    {
        Write("""
            {
              // a comment
              "server": { "prot": 1,
                "port": "x", },
              "sever": { "port": 1 },
              "engine": 7
            }
            """);

        var errors = Load(_file, new Hashtable { ["SERVING_ENGINE__THREDS"] = "1", ["SERVING_STRICT"] = "1" }, [("engine.device", "gpu")]).Errors;

        Assert.Collection(
            errors.Order(StringComparer.Ordinal),
            error => Assert.Equal("--device: expected auto, cpu, cuda, cuda:N, cuda:N,M, cuda:N-M or managed", error),
            error => Assert.Equal($"{_file}, line 3: unknown key server.prot (did you mean server.port?)", error),
            error => Assert.Equal($"{_file}, line 4: server.port: expected a whole number from 0 to 65535", error),
            error => Assert.Equal($"{_file}, line 5: unknown key sever.port (did you mean server.port?)", error),
            error => Assert.Equal($"{_file}, line 6: \"engine\" must be an object of keys", error),
            error => Assert.Equal("unknown variable SERVING_ENGINE__THREDS (did you mean SERVING_ENGINE__THREADS?)", error));
    }

    [Theory]
    [InlineData("{", "not valid JSON")]
    [InlineData("[]", "must be a JSON object")]
    [InlineData("{} {}", "not valid JSON")]
    [InlineData("{\"server\":{\"port\":1,\"port\":2}}", "given twice")]
    [InlineData("{\"server\":{\"port\":{}}}", "must be a text")]
    [InlineData("{\"tenancy\":{\"api_key\":[[1]]}}", "must be a text")]
    public void Load_MalformedFile_SaysWhere(string content, string expected)
    {
        Write(content);

        var error = Assert.Single(Load(_file).Errors);

        Assert.StartsWith($"{_file}, line 1: ", error, StringComparison.Ordinal);
        Assert.Contains(expected, error, StringComparison.Ordinal);
    }

    [Fact]
    public void Load_AHundredTypos_AreAllRefused()
    {
        var random = new Random(1);
        for (var i = 0; i < 100; i++)
        {
            var key = ConfigurationKeys.All[random.Next(ConfigurationKeys.All.Count)];
            var letters = key.Name.ToCharArray();
            letters[random.Next(letters.Length)] = '#';
            Write($$"""{"{{key.Section}}":{"{{new string(letters)}}":null} }""");

            Assert.Contains($"unknown key {key.Section}.{new string(letters)}", Assert.Single(Load(_file).Errors), StringComparison.Ordinal);
        }
    }

    [Theory]
    [InlineData("512MiB", 512L << 20)]
    [InlineData("2 GiB", 2L << 30)]
    [InlineData("1048576", 1L << 20)]
    public void Load_Sizes_AreBytesWithOrWithoutASuffix(string text, long expected) =>
        Assert.Equal(expected, Load(null, null, [("engine.pool_size", text)]).Options.Engine.PoolSize);

    [Theory]
    [InlineData("9999999999TiB")]
    [InlineData("-1")]
    [InlineData("1GB")]
    [InlineData("")]
    public void Load_BadSizes_AreRefused(string text) => Assert.Single(Load(null, null, [("engine.pool_size", text)]).Errors);

    [Theory]
    [InlineData("0.0.0.0", null, false, false)]
    [InlineData("0.0.0.0", null, true, true)]
    [InlineData("0.0.0.0", "k", false, true)]
    [InlineData("127.0.0.1", null, false, true)]
    [InlineData("::1", null, false, true)]
    [InlineData("localhost", null, false, true)]
    [InlineData("*", null, false, false)]
    [InlineData("example.org", "k", false, false)]
    public void Load_WithoutKeys_BindsLoopbackOnly(string host, string? key, bool allow, bool good)
    {
        var result = Load(null, null, [("server.host", host), .. key is null ? [] : new[] { ("tenancy.api_key", key) }, ("server.allow_anonymous", allow ? "true" : "false")]);

        Assert.Equal(good, result.Errors.Count == 0);
    }

    [Fact]
    public void Load_ModelThatIsAFile_IsMeantFromTheConfigurationsFolder()
    {
        using var folder = new Testing.TemporaryFolder();
        File.WriteAllText(folder.PathOf("model.gguf"), "");
        File.WriteAllText(folder.PathOf("serving.json"), """{"model":{"model":"model.gguf"}}""");

        Assert.Equal(folder.PathOf("model.gguf"), Load(folder.PathOf("serving.json")).Options.Model.Model);
    }

    [Fact]
    public void Load_ChatTemplate_IsMeantFromTheConfigurationsFolderAndMustBeThere()
    {
        using var folder = new Testing.TemporaryFolder();
        File.WriteAllText(folder.PathOf("serving.json"), """{"model":{"chat_template":"tools.jinja"}}""");

        Assert.Equal($"model.chat_template: there is no file {folder.PathOf("tools.jinja")}", Assert.Single(Load(folder.PathOf("serving.json")).Errors));
        File.WriteAllText(folder.PathOf("tools.jinja"), "{{ messages }}");
        Assert.Equal(folder.PathOf("tools.jinja"), Load(folder.PathOf("serving.json")).Options.Model.ChatTemplate);
    }

    [Theory]
    [InlineData("""{"enable_thinking": false, "list": [1, null]}""", true)]
    [InlineData("{}", true)]
    [InlineData("[]", false)]
    [InlineData("enable_thinking=false", false)]
    [InlineData("""{"a": 1, "a": 2}""", false)]
    [InlineData("""{"a": "\ud800"}""", false)]
    public void Load_TemplateVariables_AreAJsonObject(string text, bool good)
    {
        var result = Load(null, null, [("model.default_chat_template_kwargs", text)]);

        Assert.Equal(good, result.Errors.Count == 0);
        if (good)
        {
            Assert.Equal(JsonDocument.Parse(text).RootElement.EnumerateObject().Count(), Server.Hosting.EngineOptionsMapper.Map(result.Options).DefaultTemplateArguments!.Count);
        }
    }

    [Fact]
    public void Load_FolderOfAdaptersThatIsNotThere_IsRefused()
    {
        using var folder = new Testing.TemporaryFolder();

        Assert.Empty(Load(null, null, [("model.adapters", folder.PathOf("."))]).Errors);
        Assert.Contains("there is no folder", Assert.Single(Load(null, null, [("model.adapters", folder.PathOf("adaptres"))]).Errors), StringComparison.Ordinal);
    }

    [Fact]
    public void Load_PathsInTheFile_AreMeantFromItsFolder()
    {
        Write("""{"tenancy":{"tenants":"tenants.json"},"model":{"model":"org/name"}}""");

        var options = Load(_file).Options;

        Assert.Equal(Path.Combine(Path.GetTempPath(), "tenants.json"), options.Tenancy.Tenants);
        Assert.Equal("org/name", options.Model.Model);
    }

    [Fact]
    public async Task InvokeAsync_EveryFlag_ReachesItsKey()
    {
        foreach (var key in ConfigurationKeys.All)
        {
            CommandLineRequest? seen = null;
            var code = await CommandLine.InvokeAsync([key.Flag, "7"], request =>
            {
                seen = request;
                return Task.FromResult(3);
            });

            Assert.Equal(3, code);
            Assert.Empty(seen!.Errors);
            Assert.Equal((key.FullName, "7"), (Assert.Single(seen.Flags).Key.FullName, Assert.Single(seen.Flags[0].Texts)));
        }
    }

    [Fact]
    public async Task InvokeAsync_UnknownFlagAndMissingValue_AreErrorsOfTheRequest()
    {
        CommandLineRequest? seen = null;
        await CommandLine.InvokeAsync(["--prot", "--allow-anonymous", "--api-key", "a", "--api-key", "b", "--port"], request =>
        {
            seen = request;
            return Task.FromResult(0);
        });

        Assert.Equal(2, seen!.Errors.Count);
        Assert.Contains("unknown flag --prot (did you mean --port?)", seen.Errors);
        Assert.Equal(["true"], seen.Flags.Single(flag => flag.Key.FullName == "server.allow_anonymous").Texts);
        Assert.Equal(["a", "b"], seen.Flags.Single(flag => flag.Key.FullName == "tenancy.api_key").Texts);
    }

    public void Dispose() => File.Delete(_file);

    private void Write(string content) => File.WriteAllText(_file, content);

    private static ConfigurationResult Load(string? file, IDictionary? environment = null, params (string Key, string Text)[] flags) => ConfigurationLoader.Load(
        file,
        environment ?? new Hashtable(),
        [.. flags.Select(flag => (ConfigurationKeys.All.Single(key => key.FullName == flag.Key), (IReadOnlyList<string>)[flag.Text]))]);
}
