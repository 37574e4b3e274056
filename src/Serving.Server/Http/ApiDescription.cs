using Microsoft.AspNetCore.OpenApi;
using Microsoft.OpenApi;
using Serving.Protocol.Anthropic;
using Serving.Protocol.OpenAi;
using Serving.Server.Hosting;

namespace Serving.Server.Http;

/// <summary>What <c>/openapi/v1.json</c> says about the API beyond what the routes tell themselves.</summary>
internal static class ApiDescription
{
    /// <summary>Adds the document.</summary>
    public static IServiceCollection AddApiDescription(this IServiceCollection services)
    {
        services.ConfigureHttpJsonOptions(json =>
        {
            json.SerializerOptions.TypeInfoResolverChain.Insert(0, OpenAiJson.Wire);
            json.SerializerOptions.TypeInfoResolverChain.Insert(1, AnthropicJson.Wire);
            json.SerializerOptions.PropertyNamingPolicy = OpenAiJson.Wire.Options.PropertyNamingPolicy;
            json.SerializerOptions.NumberHandling = OpenAiJson.Wire.Options.NumberHandling;
        });
        return services.AddOpenApi(options => options.AddDocumentTransformer((document, _, _) =>
        {
            Describe(document);
            return Task.CompletedTask;
        }));
    }

    private static IOpenApiParameter Parameter(string part) =>
        new OpenApiParameter { Name = part.Trim('{', '}'), In = ParameterLocation.Path, Required = true, Schema = new OpenApiSchema { Type = JsonSchemaType.String } };

    private static void Describe(OpenApiDocument document)
    {
        document.Info = new OpenApiInfo { Title = "Serving", Version = ProductVersion.Number, Description = "One base model, many tenants, LoRA adapters; OpenAI's API with vLLM's additions, and Anthropic's Messages." };

        // Endpoints read the parts of their routes themselves, so that nothing has said of them.
        foreach (var (path, item) in document.Paths)
        {
            if (item is OpenApiPathItem described && path.Contains('{', StringComparison.Ordinal))
            {
                described.Parameters = [.. path.Split('/').Where(part => part.StartsWith('{')).Select(Parameter)];
            }
        }

        // Where it is reached is the caller's knowledge; what a Host header says is not repeated.
        document.Servers = [];
        document.Components ??= new OpenApiComponents();
        document.Components.SecuritySchemes = new Dictionary<string, IOpenApiSecurityScheme>
        {
            ["key"] = new OpenApiSecurityScheme { Type = SecuritySchemeType.Http, Scheme = "bearer" },
        };
        document.Security = [new OpenApiSecurityRequirement { [new OpenApiSecuritySchemeReference("key", document)] = [] }];
    }
}
