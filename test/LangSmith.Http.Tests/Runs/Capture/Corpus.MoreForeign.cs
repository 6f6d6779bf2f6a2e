using System.ClientModel.Primitives;
using Microsoft.AspNetCore.Http;
using Microsoft.AspNetCore.Mvc;
using Microsoft.FSharp.Collections;
using Microsoft.FSharp.Core;
using Newtonsoft.Json;
using Newtonsoft.Json.Linq;
using OpenAI.Chat;
using OpenAI.Embeddings;

#pragma warning disable OPENAI001 // The only way to make what the service answers.
#pragma warning disable CA1822 // A member of an instance is what is tested.

namespace LangSmith.Http.Tests.Runs.Capture;

/// <summary>More types of Newtonsoft.Json, F#, System.ClientModel and ASP.NET Core.</summary>
internal static partial class Corpus
{
    private static IEnumerable<Row> MoreForeign =>
    [
        Json("empty JObject", static () => new JObject(), "{}"),
        Json("JToken.Parse", static () => JToken.Parse("[{\"a\":null}]"), "[{\"a\":null}]"),
        Json("JValue of true", static () => new JValue(true), "true"),
        Json("JValue of a decimal", static () => new JValue(1.50m), "1.50"),
        Json("JValue of a Guid", static () => new JValue(Guid.Empty), "\"00000000-0000-0000-0000-000000000000\""),
        Json("JValue of a Uri", static () => new JValue(new Uri("https://a.example/")), "\"https://a.example/\""),
        Json("JValue of bytes", static () => new JValue(new byte[] { 1, 2, 3 }), "\"AQID\""),
        Json("JValue of a TimeSpan", static () => new JValue(TimeSpan.FromSeconds(90)), "\"00:01:30\""),
        Json("JValue of a big number", static () => JToken.Parse("123456789012345678901234567890"), "123456789012345678901234567890"),
        Json(
            "JValue of a date", static () => new JValue(new DateTime(2026, 1, 2, 3, 4, 5, DateTimeKind.Utc)), "\"2026-01-02T03:04:05Z\""),
        Json(
            "JValue of a date with an offset", static () => new JValue(new DateTimeOffset(2026, 1, 2, 3, 4, 5, TimeSpan.FromHours(1))),
            "\"2026-01-02T03:04:05+01:00\""),
        Json("JValue of an enum", static () => new JValue(Level.High), "1")
            with { Json = null, IsAsExpected = static json => json is "1" or "\"High\"" },
        Json("JObject of unusual names", static () => new JObject { ["A b"] = 1, [""] = 2, ["\""] = 3 }, "{\"A b\":1,\"\":2,\"\\\"\":3}"),
        Json(
            "JObject with a JObject",
            static () => new { q = "kept", o = new JObject { ["a"] = new JObject { ["b"] = new JArray("c") } } },
            "{\"q\":\"kept\",\"o\":{\"a\":{\"b\":[\"c\"]}}}"),
        Json(
            "JObject in a dictionary", static () => new Dictionary<string, JToken> { ["a"] = new JArray(1), ["b"] = new JValue("t") },
            "{\"a\":[1],\"b\":\"t\"}"),
        Json("JToken[]", static () => new JToken[] { new JObject(), JValue.CreateNull() }, "[{},null]"),
        Expect("JProperty", static () => new JProperty("a", 1), static json => json is "{\"a\":1}" or "\"a\":1" or "\"JProperty\""),
        Expect("JObject's children", static () => new JObject { ["a"] = 1 }.Children(), static json => IsName(json)),
        Expect("JObject's properties", static () => new JObject { ["a"] = 1 }.Properties(), static json => IsName(json)),
        Expect("SelectTokens", static () => JObject.Parse("{\"a\":[1]}").SelectTokens("$..a"), static json => IsName(json)),
        Cut("JArray of 200 levels", static () => DeepJArray(200), "deeper than 64"),
        Json("JObject with a parent", static () => JObject.Parse("{\"a\":{\"b\":1}}")["a"], "{\"b\":1}"),
        Json("object with Newtonsoft's attributes", static () => new WithNewtonsoft(), "{\"value\":1}"),

        Json("F# none", static () => FSharpOption<int>.None, "null"),
        Json("F# option of an option", static () => FSharpOption<FSharpOption<int>>.Some(FSharpOption<int>.Some(1)), "1"),
        Json("F# option of a list", static () => FSharpOption<List<int>>.Some([1]), "[1]"),
        Json("F# option of an endless sequence", static () => FSharpOption<IEnumerable<int>>.Some(Endless()), "\"Endless\""),
        Json(
            "F# value option", static () => new { some = FSharpValueOption<int>.Some(1), none = FSharpValueOption<int>.None },
            "{\"some\":1,\"none\":null}"),
        Json("empty F# list", static () => FSharpList<int>.Empty, "[]"),
        Json("F# list in a member", static () => new { q = "kept", l = ListModule.OfArray(OneTwo) }, "{\"q\":\"kept\",\"l\":[1,2]}"),
        Json(
            "F# list of options", static () =>
                ListModule.OfArray(new[] { FSharpOption<int>.Some(1), FSharpOption<int>.None }), "[1,null]"),
        Json("F# map of lists", static () => MapModule.OfSeq([Tuple.Create("a", ListModule.OfArray(OneTwo))]), "{\"a\":[1,2]}"),
        Json("F# map with numbers", static () => MapModule.OfSeq([Tuple.Create(1, "a")]), "{\"1\":\"a\"}"),
        Expect("F# map with tuples", static () => MapModule.OfSeq([Tuple.Create(Tuple.Create(1, 2), "a")]), static json => IsName(json)),
        Json("F# set of texts", static () => SetModule.OfArray(["b", "a"]), "[\"a\",\"b\"]"),
        Json("F# record", static () => new FSharpRef<int>(1), "{\"contents\":1}")
            with { Json = null, IsAsExpected = static json => json.Contains("\"contents", StringComparison.Ordinal) },
        Json("F# union", static () => FSharpChoice<int, string>.NewChoice1Of2(1), "\"Choice1Of2\"")
            with { Json = null, IsAsExpected = static json => IsName(json) && json.Contains("Choice", StringComparison.Ordinal) },
        Json("F# union in a member", static () => new { q = "kept", u = FSharpChoice<int, string>.NewChoice2Of2("a") }, "")
            with { Json = null, IsAsExpected = static json => json.StartsWith("{\"q\":\"kept\",\"u\":\"", StringComparison.Ordinal) },
        Json("F# struct union", static () => FSharpResult<int, string>.NewOk(1), "\"FSharpResult<Int32,String>\""),
        Expect("F# function", static () => FuncConvert.FromFunc<int, bool>(Fails), static json => json.Length < 200),
        Expect(
            "F# lazy sequence in a member",
            static () => new { q = "kept", s = SeqModule.InitializeInfinite(FuncConvert.FromFunc<int, bool>(Fails)) },
            static json => json.StartsWith("{\"q\":\"kept\",\"s\":\"", StringComparison.Ordinal)),
        Json("F# unit", static () => new { unit = (Unit?)null }, "{\"unit\":null}"),
        Expect(
            "F# async", static () =>
                Microsoft.FSharp.Control.FSharpAsync.AwaitTask(Task.FromResult(1)), static json => json.Length < 200),

        Expect("SystemChatMessage", static () => new SystemChatMessage("s"), static json => Role(json) == "system"),
        Expect("AssistantChatMessage", static () => new AssistantChatMessage("a"), static json => Role(json) == "assistant"),
        Expect(
            "ToolChatMessage", static () => new ToolChatMessage("id", "result"),
            static json => Role(json) == "tool" && Parse(json).GetProperty("tool_call_id").GetString() == "id"),
        Expect(
            "message with a tool call",
            static () => new AssistantChatMessage([ChatToolCall.CreateFunctionToolCall("id", "f", BinaryData.FromString("{\"a\":1}"))]),
            static json => Parse(json).GetProperty("tool_calls")[0].GetProperty("function").GetProperty("name").GetString() == "f"),
        Expect(
            "message with an image",
            static () =>
                new UserChatMessage(ChatMessageContentPart.CreateTextPart("t"),
                    ChatMessageContentPart.CreateImagePart(new Uri("https://a.example/i.png"))),
            static json =>
                json.Contains("\"image_url\":{\"url\":\"https://a.example/i.png\"}", StringComparison.Ordinal)),
        Expect(
            "ChatMessage[]", static () => new ChatMessage[] { new SystemChatMessage("s"), new UserChatMessage("u") },
            static json => Parse(json)[1].GetProperty("role").GetString() == "user"),
        Expect(
            "ChatMessages in a dictionary",
            static () => new Dictionary<string, object> { ["m"] = new List<ChatMessage> { new UserChatMessage("u") } },
            static json => Parse(json).GetProperty("m")[0].GetProperty("content").GetString() == "u"
                || Parse(json).GetProperty("m")[0].GetProperty("content")[0].GetProperty("text").GetString() == "u"),
        Expect(
            "ChatTool", static () => ChatTool.CreateFunctionTool("f", "d", BinaryData.FromString("{\"type\":\"object\"}")),
            static json => Parse(json).GetProperty("function").GetProperty("name").GetString() == "f"),
        Expect(
            "ChatCompletionOptions", static () => new { q = "kept", o = new ChatCompletionOptions { Temperature = 0.5f } },
            static json => Parse(json).GetProperty("o").GetProperty("temperature").GetDouble() == 0.5),
        Expect(
            "ChatCompletion of the factory",
            static () =>
                OpenAIChatModelFactory.ChatCompletion(id: "c", model: "m", role: ChatMessageRole.Assistant,
                    content: new ChatMessageContent("answer")),
            static json => Parse(json).GetProperty("id").GetString() == "c" && json.Contains("answer", StringComparison.Ordinal)),
        Expect(
            "ChatCompletion in a member", static () => new { q = "kept", c = Completion() },
            static json => Parse(json).GetProperty("c").GetProperty("choices").GetArrayLength() == 1),
        Expect(
            "StreamingChatCompletionUpdate", static () => OpenAIChatModelFactory.StreamingChatCompletionUpdate(completionId: "c"),
            static json => json.Contains("\"c\"", StringComparison.Ordinal)),
        Expect(
            "ChatTokenUsage",
            static () => OpenAIChatModelFactory.ChatTokenUsage(outputTokenCount: 3, inputTokenCount: 4, totalTokenCount: 7),
            static json => json.Contains('7', StringComparison.Ordinal)),
        Json(
            "embedding that its own package cannot write",
            static () => new { q = "kept", e = OpenAIEmbeddingsModelFactory.OpenAIEmbedding(0, [1.5f, 2]) },
            "{\"q\":\"kept\",\"e\":\"OpenAIEmbedding\"}"),
        Expect(
            "embedding",
            static () =>
                ModelReaderWriter.Read<OpenAIEmbedding>(
                    BinaryData.FromString("{\"object\":\"embedding\",\"index\":0,\"embedding\":[1.5,2]}")),
            static json => json.Contains("1.5", StringComparison.Ordinal)),
        Json(
            "BinaryData", static () => new { q = "kept", b = BinaryData.FromBytes(new byte[] { 1, 2, 3 }) },
            "{\"q\":\"kept\",\"b\":\"AQID\"}"),
        Json("own model", static () => new OwnModel(), "{\"own\":true}"),
        Json("own model in a list", static () => new List<object> { new OwnModel(), 1 }, "[{\"own\":true},1]"),
        Expect(
            "own model that throws", static () => new { q = "kept", m = new BadModel() },
            static json =>
                json is "{\"q\":\"kept\",\"m\":\"BadModel\"}" or "{\"q\":\"kept\",\"m\":\"(threw InvalidOperationException)\"}"),
    ];

    private static IEnumerable<Row> MoreResults =>
    [
        Json("TypedResults.NotFound", static () => TypedResults.NotFound(), "\"NotFound\""),
        Json("TypedResults.NotFound of a value", static () => TypedResults.NotFound("none"), "\"none\""),
        Json("TypedResults.BadRequest", static () => TypedResults.BadRequest(new { error = "e" }), "{\"error\":\"e\"}"),
        Json("TypedResults.Json", static () => TypedResults.Json(new List<int> { 1 }), "[1]"),
        Json("TypedResults.Accepted", static () => TypedResults.Accepted("/x", new Point(1, 2)), "{\"x\":1,\"y\":2}"),
        Json("Results.Ok", static () => Microsoft.AspNetCore.Http.Results.Ok(new { a = 1 }), "{\"a\":1}"),
        Expect("TypedResults.Ok of null", static () => TypedResults.Ok<string>(null), static json => json is "null" or "\"Ok<String>\""),
        Expect("Results.Empty", static () => Microsoft.AspNetCore.Http.Results.Empty, static json => IsName(json)),
        Expect(
            "TypedResults.Problem", static () => TypedResults.Problem("d", statusCode: 400),
            static json => Parse(json).GetProperty("detail").GetString() == "d"),
        Expect(
            "TypedResults.ValidationProblem",
            static () => TypedResults.ValidationProblem(new Dictionary<string, string[]> { ["f"] = ["bad"] }),
            static json => Parse(json).GetProperty("errors").GetProperty("f")[0].GetString() == "bad"),
        Expect(
            "TypedResults.Stream", static () => TypedResults.Stream(new MemoryStream([1])), static json => IsName(json),
            static value => ((Microsoft.AspNetCore.Http.HttpResults.FileStreamHttpResult)value!).FileStream.Position == 0),
        Expect(
            "TypedResults.Text", static () => TypedResults.Text("t"),
            static json => IsName(json) || json.Contains("\"t\"", StringComparison.Ordinal)),
        Expect("TypedResults.Redirect", static () => TypedResults.Redirect("/x"), static json => IsName(json)),
        Json(
            "TypedResults.Ok with a Lazy", static () => TypedResults.Ok(new { l = new Lazy<int>(static () => Fails(1) ? 1 : 0) }),
            "{\"l\":\"Lazy<Int32>\"}"),
        Json("results in a list", static () => new List<IResult> { TypedResults.Ok(1), TypedResults.NoContent() }, "[1,\"NoContent\"]"),
        Expect("Results<,> without a value", static () => NotFoundOf(), static json => IsName(json)),
        Expect("OkResult", static () => new OkResult(), static json => json is "\"OkResult\"" or "{\"statusCode\":200}"),
        Expect(
            "NotFoundResult in a member", static () => new { q = "kept", r = new NotFoundResult() },
            static json => json is "{\"q\":\"kept\",\"r\":\"NotFoundResult\"}" or "{\"q\":\"kept\",\"r\":{\"statusCode\":404}}"),
        Json("BadRequestObjectResult", static () => new BadRequestObjectResult(new { e = 1 }), "{\"e\":1}"),
        Json("CreatedAtActionResult", static () => new CreatedAtActionResult("a", "c", null, new { a = 1 }), "{\"a\":1}"),
        Expect("ObjectResult of null", static () => new ObjectResult(null), static json => json is "null" or "\"ObjectResult\""),
        Json("ObjectResult with an endless value", static () => new ObjectResult(Endless()), "\"Endless\""),
        Expect(
            "FileStreamResult", static () => new FileStreamResult(new MemoryStream([1]), "a/b"),
            static json => IsName(json) || json.StartsWith('{'), static value => ((FileStreamResult)value!).FileStream.Position == 0),
        Expect(
            "ActionResult of nothing", static () => new ActionResult<string>((string)null!),
            static json => json is "null" or "\"ActionResult<String>\""),
        Json("ActionResult in a member", static () => new { q = "kept", r = new ActionResult<int>(5) }, "{\"q\":\"kept\",\"r\":5}"),
        Json("ActionResult of OkObjectResult", static () => new ActionResult<int>(new OkObjectResult(new { a = 1 })), "{\"a\":1}"),
    ];

    private static string? Role(string json) => Parse(json).GetProperty("role").GetString();

    private static Microsoft.AspNetCore.Http.HttpResults.Results<Microsoft.AspNetCore.Http.HttpResults.Ok<int>,
        Microsoft.AspNetCore.Http.HttpResults.NotFound> NotFoundOf() => TypedResults.NotFound();

    private static JArray DeepJArray(int depth)
    {
        var array = new JArray(1);
        for (var i = 0; i < depth; i++)
            array = new JArray { array };
        return array;
    }

    internal sealed class WithNewtonsoft
    {
        [JsonProperty("renamed")]
        public int Value { get; } = 1;
    }

    internal sealed class OwnModel : IJsonModel<OwnModel>
    {
        public int Hidden => throw new InvalidOperationException();

        public void Write(System.Text.Json.Utf8JsonWriter writer, ModelReaderWriterOptions options)
        {
            writer.WriteStartObject();
            writer.WriteBoolean("own", true);
            writer.WriteEndObject();
        }

        public OwnModel Create(ref System.Text.Json.Utf8JsonReader reader, ModelReaderWriterOptions options) =>
            throw new NotSupportedException();

        public BinaryData Write(ModelReaderWriterOptions options) => throw new NotSupportedException();

        public OwnModel Create(BinaryData data, ModelReaderWriterOptions options) => throw new NotSupportedException();

        public string GetFormatFromOptions(ModelReaderWriterOptions options) => "J";
    }

    internal sealed class BadModel : IJsonModel<BadModel>
    {
        public int Hidden => throw new InvalidOperationException();

        public void Write(System.Text.Json.Utf8JsonWriter writer, ModelReaderWriterOptions options)
        {
            writer.WriteStartObject();
            throw new InvalidOperationException();
        }

        public BadModel Create(ref System.Text.Json.Utf8JsonReader reader, ModelReaderWriterOptions options) =>
            throw new NotSupportedException();

        public BinaryData Write(ModelReaderWriterOptions options) => throw new NotSupportedException();

        public BadModel Create(BinaryData data, ModelReaderWriterOptions options) => throw new NotSupportedException();

        public string GetFormatFromOptions(ModelReaderWriterOptions options) => "J";
    }
}
