-- Each CT series that is complete goes to ich-node, with one association; its results are SR, OT, PR and KO. Series that show no
-- head are refused there; docs/routing.md has a script that looks at the words of the header first.
function OnStableSeries(seriesId, tags, metadata)
  if tags['Modality'] == 'CT' then
    RestApiPost('/modalities/ichnode/store', '{"Resources": ["' .. seriesId .. '"], "Synchronous": false}')
  end
end
