using System.ClientModel;
using System.ClientModel.Primitives;
using System.Data;
using System.Net;
using Microsoft.AspNetCore.Http;
using Microsoft.AspNetCore.Mvc;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Logging.Abstractions;
using Microsoft.FSharp.Collections;
using Microsoft.FSharp.Core;
using Newtonsoft.Json.Linq;
using OpenAI.Chat;

namespace LangSmith.Http.Tests.Runs.Capture;

/// <summary>Values that become their type's name, and types of other packages.</summary>
internal static partial class Corpus
{
    private static IEnumerable<Row> LeftAlone =>
    [
        Json("Task", static () => Task.FromResult(1), "\"Task<Int32>\""),
        Json("ValueTask", static () => new ValueTask<int>(1), "\"ValueTask<Int32>\""),
        Json(
            "task that never ends", static () => new { q = "kept", t = new TaskCompletionSource<int>().Task },
            "{\"q\":\"kept\",\"t\":\"Task<Int32>\"}"),
        Json(
            "MemoryStream", static () => new MemoryStream([1, 2]), "\"MemoryStream\"",
            static value => ((MemoryStream)value!).Position == 0),
        Json(
            "StringReader", static () => new StringReader("text"), "\"StringReader\"",
            static value => ((StringReader)value!).ReadToEnd() == "text"),
        Json("delegate", static () => (Func<int>)(static () => Fails(1) ? 1 : 0), "\"Func<Int32>\""),
        Json("CancellationToken", static () => CancellationToken.None, "\"CancellationToken\""),
        Json("SemaphoreSlim", static () => new SemaphoreSlim(1), "\"SemaphoreSlim\""),
        Json("MethodInfo", static () => typeof(string).GetMethod("Clone"), "\"RuntimeMethodInfo\""),
        Json("HttpRequestMessage", static () => Request(), "\"HttpRequestMessage\""),
        Json("HttpClient", static () => new HttpClient(), "\"HttpClient\""),
        Json(
            "HttpContext", static () => new { q = "kept", http = new DefaultHttpContext() },
            "{\"q\":\"kept\",\"http\":\"DefaultHttpContext\"}"),
        Json(
            "credentials", static () => new { q = "kept", c = new NetworkCredential("user", "secret") },
            "{\"q\":\"kept\",\"c\":\"NetworkCredential\"}"),
        Json("services", static () => new ServiceCollection().BuildServiceProvider(), "\"ServiceProvider\""),
        Json("logger", static () => NullLogger.Instance, "\"NullLogger\""),
        Json("DataTable", static () => Table(), "\"DataTable\""),
        Json("DataTable in a member", static () => new { q = "kept", t = Table() }, "{\"q\":\"kept\",\"t\":\"DataTable\"}"),
        Json(
            "DataTableReader", static () => Table().CreateDataReader(), "\"DataTableReader\"",
            static value => ((DataTableReader)value!).Read()),
        Json("own IDataReader's base", static () => new { t = typeof(int).Assembly }, "{\"t\":\"RuntimeAssembly\"}"),
    ];

    private static IEnumerable<Row> Foreign =>
    [
        Json("JObject", static () => JObject.Parse("{\"a\":[1,2.5,\"t\",true,null],\"b\":{\"c\":\"2026-01-02T03:04:05Z\"}}"),
            "{\"a\":[1,2.5,\"t\",true,null],\"b\":{\"c\":\"2026-01-02T03:04:05Z\"}}"),
        Json("JArray", static () => JArray.Parse("[1,[],{}]"), "[1,[],{}]"), Json("JValue", static () => new JValue("text"), "\"text\""),
        Json("JValue of a number", static () => new JValue(3), "3"), Json("JValue of null", static () => JValue.CreateNull(), "null"),
        Json("JRaw", static () => new JRaw("{\"a\":1}"), "{\"a\":1}"),
        Json("JToken in a member", static () => new { q = "kept", t = (JToken)new JArray(1) }, "{\"q\":\"kept\",\"t\":[1]}"),
        Json("JObject with NaN", static () => new JObject { ["n"] = double.NaN, ["q"] = "kept" }, "{\"n\":\"NaN\",\"q\":\"kept\"}"),
        Json("JObject in a list", static () => new List<object> { new JObject { ["a"] = 1 } }, "[{\"a\":1}]"),
        Json("ChatMessage", static () => new UserChatMessage("hi"), "{\"role\":\"user\",\"content\":\"hi\"}")
            with
            {
                Json = null,
                IsAsExpected = static json => Parse(json).GetProperty("role").GetString() == "user"
                    && json.Contains("hi", StringComparison.Ordinal),
            },
        Json(
            "ChatMessages",
            static () => new { model = "m", messages = new List<ChatMessage> { new SystemChatMessage("s"), new UserChatMessage("u") } },
            "")
            with { Json = null, IsAsExpected = static json => Parse(json).GetProperty("messages")[1].GetProperty("role").GetString() == "user" },
        Json("ChatCompletion", static () => Completion(), "")
            with
            {
                Json = null,
                IsAsExpected = static json =>
                    Parse(json).GetProperty("choices")[0].GetProperty("message").GetProperty("content").GetString() == "answer",
            },
        Json("ClientResult", static () => ClientResult.FromValue(Completion(), new Response()), "")
            with { Json = null, IsAsExpected = static json => json.Contains("\"choices\"", StringComparison.Ordinal) },
        Json("CollectionResult", static () => new Pages(), "\"Pages\""),
        Json("AsyncCollectionResult", static () => new { q = "kept", s = new AsyncPages() }, "{\"q\":\"kept\",\"s\":\"AsyncPages\"}"),
        Json("ApiKeyCredential", static () => new { q = "kept", key = new ApiKeyCredential("secret") }, "{\"q\":\"kept\",\"key\":{}}"),
        Json("F# list", static () => ListModule.OfArray(OneTwo), "[1,2]"), Json("F# option", static () => FSharpOption<int>.Some(1), "1"),
        Json(
            "F# option in a member", static () => new { some = FSharpOption<string>.Some("a"), none = FSharpOption<string>.None },
            "{\"some\":\"a\",\"none\":null}"),
        Json("F# map", static () => MapModule.OfSeq([Tuple.Create("a", 1)]), "{\"a\":1}"),
        Json("F# set", static () => SetModule.OfArray(OneTwo), "[1,2]"),
        Json("F# result", static () => FSharpResult<int, string>.NewOk(1), "")
            with { Json = null, IsAsExpected = static json => json.Length < 100 },
        Json("F# sequence", static () => SeqModule.InitializeInfinite(FuncConvert.FromFunc<int, int>(static i => Fails(i) ? 1 : 0)), "")
            with { Json = null, IsAsExpected = static json => json.Length < 100 },
        Json("F# list of objects", static () => ListModule.OfArray(new object[] { 1, "a" }), "[1,\"a\"]"),
    ];

    private static IEnumerable<Row> Results =>
    [
        Json("TypedResults.Ok", static () => TypedResults.Ok(new { answer = 1 }), "{\"answer\":1}"),
        Json("Results.Json", static () => Microsoft.AspNetCore.Http.Results.Json(new { a = 1 }), "{\"a\":1}"),
        Json("TypedResults.NoContent", static () => TypedResults.NoContent(), "\"NoContent\""),
        Json("Results<,>", static () => Either(), "{\"a\":1}"),
        Json("OkObjectResult", static () => new OkObjectResult(new { a = 1 }), "{\"a\":1}"),
        Json("JsonResult", static () => new JsonResult(new { a = 1 }), "{\"a\":1}"),
        Json("ActionResult of a value", static () => new ActionResult<Point>(new Point(1, 2)), "{\"x\":1,\"y\":2}"),
        Json("ActionResult of a result", static () => new ActionResult<Point>(new NotFoundObjectResult("none")), "\"none\""),
        Json("ProblemDetails", static () => new ProblemDetails { Title = "t", Status = 400 }, "")
            with { Json = null, IsAsExpected = static json => Parse(json).GetProperty("title").GetString() == "t" },
        Json(
            "TypedResults.Created in a member", static () => new { q = "kept", r = TypedResults.Created("/x", 5) },
            "{\"q\":\"kept\",\"r\":5}"),
        Json("Ok with an endless value", static () => TypedResults.Ok(Endless()), "\"Endless\""),
    ];

    private static HttpRequestMessage Request()
    {
        var request = new HttpRequestMessage(HttpMethod.Post, "https://a.example/") { Content = new StringContent("read once") };
        request.Headers.Add("Authorization", "Bearer secret");
        return request;
    }

    private static Microsoft.AspNetCore.Http.HttpResults.Results<Microsoft.AspNetCore.Http.HttpResults.Ok<Dictionary<string, int>>,
    Microsoft.AspNetCore.Http.HttpResults.NotFound> Either() =>
        TypedResults.Ok(new Dictionary<string, int> { ["a"] = 1 });

    private static DataTable Table()
    {
        var table = new DataTable("t");
        table.Columns.Add("a");
        table.Rows.Add("1");
        return table;
    }

    private static ChatCompletion Completion() => ModelReaderWriter.Read<ChatCompletion>(BinaryData.FromString(
        """{"id":"c","object":"chat.completion","created":1,"model":"m","choices":[{"index":0,"finish_reason":"stop","message":{"role":"assistant","content":"answer"}}]}"""))!;

    internal sealed class Pages : CollectionResult<int>
    {
        public override IEnumerable<ClientResult> GetRawPages() => throw new InvalidOperationException();

        public override ContinuationToken? GetContinuationToken(ClientResult page) => throw new InvalidOperationException();

        protected override IEnumerable<int> GetValuesFromPage(ClientResult page) => throw new InvalidOperationException();
    }

    internal sealed class AsyncPages : AsyncCollectionResult<int>
    {
        public override IAsyncEnumerable<ClientResult> GetRawPagesAsync() => throw new InvalidOperationException();

        public override ContinuationToken? GetContinuationToken(ClientResult page) => throw new InvalidOperationException();

        protected override IAsyncEnumerable<int> GetValuesFromPageAsync(ClientResult page) => throw new InvalidOperationException();
    }

    internal sealed class Response : PipelineResponse
    {
        public override int Status => 200;

        public override string ReasonPhrase => "OK";

        public override Stream? ContentStream { get; set; }

        public override BinaryData Content => throw new InvalidOperationException("read once");

        protected override PipelineResponseHeaders HeadersCore => throw new InvalidOperationException();

        public override BinaryData BufferContent(CancellationToken cancellationToken = default) => throw new InvalidOperationException();

        public override ValueTask<BinaryData> BufferContentAsync(CancellationToken cancellationToken = default) =>
            throw new InvalidOperationException();

        public override void Dispose()
        {
        }
    }
}
